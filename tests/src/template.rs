//! Reads `template.yaml` the way its rules look at it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use serde_json::{Map, Value, json};
use serde_yaml_ng::Value as Yaml;

/// The folder of the workspace.
///
/// # Panics
///
/// Where the sources are not there any more.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the tests live in the workspace")
}

const ROOT: &str = "template.yaml";

fn whole() -> Value {
    local::template::whole(&repository().join(ROOT)).unwrap_or_else(|error| panic!("{error}"))
}

/// The text that the local cloud runs: the template of this repository with its areas.
///
/// # Panics
///
/// Where there is none, or it is no YAML, or an area does not fit into it.
pub fn text() -> String {
    // A test that starts the product at every call where it may die reads it once.
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| whole().to_string()).clone()
}

/// The template as JSON, every intrinsic function in its long form.
pub struct Template {
    document: Value,
}

/// One resource.
#[derive(Clone, Copy)]
pub struct Resource<'a> {
    /// Its logical id.
    pub id: &'a str,
    value: &'a Value,
}

/// One `AWS::Serverless::Function`, the template's `Globals` taken in.
pub struct Function<'a> {
    pub resource: Resource<'a>,
    globals: &'a Value,
}

impl Template {
    /// The template of this repository, its areas in it and `Globals` said in each function.
    ///
    /// # Panics
    ///
    /// Where there is none, or it is no YAML, or an area does not fit into it.
    pub fn of_repository() -> Self {
        Self { document: whole() }
    }

    /// One template of this repository by itself, such as `edge.yaml`.
    ///
    /// # Panics
    ///
    /// Where there is none, or it is no YAML.
    pub fn of_file(name: &str) -> Self {
        let text = fs::read_to_string(repository().join(name));
        Self::parse(&text.unwrap_or_else(|error| panic!("{name} is not readable: {error}")))
    }

    /// What a parameter of text is by default.
    pub fn default_of(&self, parameter: &str) -> Option<&str> {
        self.document["Parameters"][parameter]["Default"].as_str()
    }

    /// All templates, by their place in the repository: that of the product with its areas in it,
    /// and those that stand for themselves.
    ///
    /// # Panics
    ///
    /// Where a file is no YAML.
    pub fn all() -> BTreeMap<String, Self> {
        let mut templates = Self::files();
        templates.retain(|_, template| template.document["Transform"].is_null());
        templates.insert(ROOT.to_owned(), Self::of_repository());
        templates
    }

    /// The templates that have functions, each by itself as CloudFormation makes a stack of it.
    ///
    /// # Panics
    ///
    /// Where a file is no YAML.
    pub fn with_functions() -> BTreeMap<String, Self> {
        let mut templates = Self::files();
        templates.retain(|_, template| !template.document["Transform"].is_null());
        templates
    }

    fn files() -> BTreeMap<String, Self> {
        let names = |folder: &str| {
            let entries = fs::read_dir(repository().join(folder)).expect("the repository is readable");
            let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
            names.map(|name| format!("{folder}{name}")).collect::<Vec<_>>()
        };
        let files = [names(""), names("stacks/")].concat();
        let files =
            files.into_iter().filter(|name| Path::new(name).extension().is_some_and(|it| it == "yaml"));
        let all = files.map(|name| (name.clone(), Self::of_file(&name)));
        all.filter(|(_, template)| template.document["Resources"].is_object()).collect()
    }

    /// The text of a template, with the areas whose texts `nested` gives.
    ///
    /// # Panics
    ///
    /// Where one is no YAML, or an area does not fit into it.
    pub fn joined(
        root: &str,
        nested: &dyn Fn(&str) -> Result<String, local::template::TemplateError>,
    ) -> Self {
        let whole = local::template::joined(root, nested);
        Self { document: whole.unwrap_or_else(|error| panic!("{error}")) }
    }

    /// A template's text.
    ///
    /// # Panics
    ///
    /// Where it is no YAML.
    pub fn parse(text: &str) -> Self {
        Self { document: long_form(serde_yaml_ng::from_str(text).expect("a template is YAML")) }
    }

    /// A copy with one change, for the tests of the rules.
    #[must_use]
    pub fn edited(mut self, edit: impl FnOnce(&mut Value)) -> Self {
        edit(&mut self.document);
        self
    }

    /// One of its sections, such as `Parameters`; null where it has none of this name.
    pub fn section(&self, name: &str) -> &Value {
        &self.document[name]
    }

    /// The resource with this logical id.
    pub fn resource(&self, id: &str) -> Option<Resource<'_>> {
        let (id, value) = self.document["Resources"].as_object()?.get_key_value(id)?;
        Some(Resource { id, value })
    }

    /// The parameters: name and declaration.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &Value)> {
        let parameters = self.document["Parameters"].as_object();
        parameters.into_iter().flatten().map(|(name, declaration)| (name.as_str(), declaration))
    }

    /// All resources.
    ///
    /// # Panics
    ///
    /// Where the template has none.
    pub fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        let resources = self.document["Resources"].as_object().expect("the template has Resources");
        resources.iter().map(|(id, value)| Resource { id, value })
    }

    /// The resources of one type, such as `AWS::SQS::Queue`.
    pub fn of_type(&self, kind: &str) -> impl Iterator<Item = Resource<'_>> {
        self.resources().filter(move |resource| resource.value["Type"] == *kind)
    }

    /// The functions.
    pub fn functions(&self) -> impl Iterator<Item = Function<'_>> {
        let globals = &self.document["Globals"]["Function"];
        self.of_type("AWS::Serverless::Function").map(move |resource| Function { resource, globals })
    }
}

impl<'a> Resource<'a> {
    /// One of its properties; null where it has none of this name.
    pub fn property(&self, name: &str) -> &'a Value {
        &self.value["Properties"][name]
    }

    /// What stands beside its properties, such as `DeletionPolicy`.
    pub fn attribute(&self, name: &str) -> &'a Value {
        &self.value[name]
    }

    /// Its type.
    pub fn kind(&self) -> &'a str {
        self.value["Type"].as_str().unwrap_or_default()
    }
}

impl<'a> Function<'a> {
    /// The folder under `functions/`, which is the package's name too: the last part of `CodeUri`.
    pub fn name(&self) -> &'a str {
        let uri = self.resource.property("CodeUri").as_str().unwrap_or_default();
        uri.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
    }

    /// A property, from the function or else from the globals.
    pub fn property(&self, name: &str) -> &'a Value {
        match self.resource.property(name) {
            Value::Null => &self.globals[name],
            own => own,
        }
    }

    /// Names of the environment variables, the globals' included.
    pub fn variables(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> = [self.globals, &self.resource.value["Properties"]]
            .into_iter()
            .filter_map(|from| from["Environment"]["Variables"].as_object())
            .flat_map(Map::keys)
            .map(String::as_str)
            .collect();
        names.sort_unstable();
        names
    }

    /// Its events: name, type and properties.
    pub fn events(&self) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
        let events = self.resource.property("Events").as_object();
        events.into_iter().flatten().map(|(name, event)| {
            (name.as_str(), event["Type"].as_str().unwrap_or_default(), &event["Properties"])
        })
    }

    /// The statements of its policies, and what stands among the policies that is no document.
    pub fn statements(&self) -> Vec<&'a Value> {
        let policies = self.resource.property("Policies").as_array();
        policies
            .into_iter()
            .flatten()
            .flat_map(|policy| {
                policy["Statement"].as_array().map_or_else(|| vec![policy], |all| all.iter().collect())
            })
            .collect()
    }
}

/// The logical id that a value points at through `Ref`, `Fn::GetAtt` or `Fn::Sub`.
pub fn target(value: &Value) -> Option<&str> {
    let sub = || value["Fn::Sub"].as_str()?.split_once("${")?.1.split(['}', '.']).next();
    value["Ref"].as_str().or_else(|| value["Fn::GetAtt"][0].as_str()).or_else(sub)
}

/// Whether a reference to the resource stands anywhere in the value.
pub fn mentions(value: &Value, id: &str) -> bool {
    let within = match value {
        Value::Array(items) => items.iter().any(|item| mentions(item, id)),
        Value::Object(entries) => entries.values().any(|item| mentions(item, id)),
        _ => false,
    };
    within || target(value) == Some(id)
}

/// One value or a list of them, as policies allow both.
pub fn one_or_many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(values) => values.iter().collect(),
        one => vec![one],
    }
}

fn long_form(yaml: Yaml) -> Value {
    match yaml {
        Yaml::Sequence(items) => items.into_iter().map(long_form).collect(),
        Yaml::Mapping(entries) => {
            let entry =
                |(key, value): (Yaml, Yaml)| (key.as_str().unwrap_or_default().to_owned(), long_form(value));
            Value::Object(entries.into_iter().map(entry).collect())
        }
        Yaml::Tagged(tagged) => {
            let tag = tagged.tag.to_string();
            match (tag.trim_start_matches('!'), long_form(tagged.value)) {
                (tag @ ("Ref" | "Condition"), value) => json!({ tag: value }),
                ("GetAtt", Value::String(path)) => {
                    let (resource, attribute) = path.split_once('.').unwrap_or((&path, ""));
                    json!({ "Fn::GetAtt": [resource, attribute] })
                }
                (tag, value) => json!({ format!("Fn::{tag}"): value }),
            }
        }
        plain => serde_json::to_value(plain).expect("a scalar of YAML is one of JSON"),
    }
}
