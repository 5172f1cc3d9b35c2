use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    str::FromStr,
    sync::{Mutex, PoisonError},
};

use http::{HeaderValue, Uri};

/// The environment variables of one function, and which of them were asked for.
#[derive(Debug, Default)]
pub struct Environment {
    variables: HashMap<String, String>,
    asked_for: Mutex<BTreeSet<String>>,
}

/// A variable is missing or wrong. The function does not start.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {variable}: {problem}")]
pub struct ConfigurationError {
    pub variable: String,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

/// Where a deployment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// On a developer's machine: plain HTTP and local endpoints are fine.
    Local,
    /// In the cloud, for trying things out.
    Dev,
    /// In the cloud, as production will be.
    Staging,
    /// In the cloud, with customers.
    Production,
}

impl Stage {
    /// As `GANTRY_ENVIRONMENT` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Production => "prod",
        }
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "local" => Ok(Self::Local),
            "dev" => Ok(Self::Dev),
            "staging" => Ok(Self::Staging),
            "prod" => Ok(Self::Production),
            _ => Err("use local, dev, staging or prod".to_owned()),
        }
    }
}

impl Environment {
    /// The process's variables.
    pub fn of_process() -> Self {
        Self::new(std::env::vars())
    }

    /// These variables.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: variables.into_iter().collect(), asked_for: Mutex::default() }
    }

    /// The names that were asked for so far: what the function needs in the template.
    pub fn asked_for(&self) -> BTreeSet<String> {
        self.asked_for.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The variable, if it is set and not empty.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.asked_for.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The variable.
    pub fn required(&self, name: &str) -> Result<&str, ConfigurationError> {
        self.optional(name).ok_or_else(|| wrong(name, "is missing"))
    }

    /// The variable, read as `T`.
    pub fn parsed<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<T, ConfigurationError> {
        self.required(name)?.parse().map_err(|error| wrong(name, format!("{error}")))
    }

    /// The stage.
    pub fn stage(&self) -> Result<Stage, ConfigurationError> {
        self.parsed("GANTRY_ENVIRONMENT")
    }

    /// An URL without a slash at its end. Outside of the local stage it must be https.
    pub fn url(&self, name: &str) -> Result<String, ConfigurationError> {
        let url: Uri = self.parsed(name)?;
        let text = url.to_string();
        match (url.scheme_str(), url.authority(), self.stage()?) {
            (Some("https"), Some(_), _) | (Some("http"), Some(_), Stage::Local) => {
                Ok(text.trim_end_matches('/').to_owned())
            }
            _ => Err(wrong(name, "use an https URL")),
        }
    }

    /// Origins, separated by commas: exact ones, never a wildcard; https outside of the local
    /// stage.
    pub fn origins(&self, name: &str) -> Result<Vec<HeaderValue>, ConfigurationError> {
        let stage = self.stage()?;
        let origins = self.required(name)?.split(',').map(str::trim);
        origins
            .map(|origin| {
                let url: Option<Uri> = origin.parse().ok();
                let scheme = url.as_ref().and_then(Uri::scheme_str);
                let safe = scheme == Some("https") || (scheme == Some("http") && stage == Stage::Local);
                let bare = url
                    .as_ref()
                    .and_then(Uri::authority)
                    .is_some_and(|authority| origin.ends_with(authority.as_str()));
                let value =
                    HeaderValue::from_str(origin).ok().filter(|_| safe && bare && !origin.contains('*'));
                value.ok_or_else(|| {
                    wrong(
                        name,
                        format!("{origin:?} is no exact https origin such as https://app.example.com"),
                    )
                })
            })
            .collect()
    }
}

pub(crate) fn wrong(variable: &str, problem: impl Into<String>) -> ConfigurationError {
    ConfigurationError { variable: variable.to_owned(), problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(stage: &str, value: &str) -> Environment {
        let variables = [("GANTRY_ENVIRONMENT", stage), ("X", value)];
        Environment::new(variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    #[test]
    fn a_missing_variable_is_refused_by_name() {
        let error = environment("prod", "").required("X").unwrap_err();
        assert_eq!(error.to_string(), "environment variable X: is missing");
        assert!(
            environment("production", "").stage().unwrap_err().to_string().contains("GANTRY_ENVIRONMENT")
        );
    }

    #[test]
    fn production_refuses_what_is_fine_on_a_developers_machine() {
        assert_eq!(environment("local", "http://localhost:3000/").url("X").unwrap(), "http://localhost:3000");
        assert!(environment("prod", "http://localhost:3000").url("X").is_err());
        assert!(environment("local", "http://localhost:5173").origins("X").is_ok());
        for origins in [
            "http://app.example.com",
            "*",
            "https://*.example.com",
            "https://a.example.com, *",
            "https://a.example.com/",
            "a.example.com",
            ",",
        ] {
            assert!(environment("prod", origins).origins("X").is_err(), "{origins}");
        }
        assert_eq!(
            environment("prod", "https://a.example.com, https://b.example.com:8443")
                .origins("X")
                .unwrap()
                .len(),
            2
        );
    }

    #[test]
    fn remembers_what_was_asked_for() {
        let environment = environment("prod", "1");
        assert!(environment.optional("Y").is_none() && environment.parsed::<u8>("X").is_ok());
        assert_eq!(environment.asked_for().into_iter().collect::<Vec<_>>(), ["X", "Y"]);
    }
}
