//! API Gateway's choice of a route: a fixed part beats a parameter, a parameter beats `{proxy+}`, a
//! method beats `ANY`.

use std::collections::BTreeMap;

use crate::template::RouteSpec;

/// The routes of the API.
#[derive(Debug)]
pub(super) struct Routes {
    routes: Vec<(Vec<Part>, RouteSpec)>,
}

/// A route that fits a request, and what its parameters stand for.
#[derive(Debug)]
pub(super) struct Matched<'a> {
    pub(super) route: &'a RouteSpec,
    pub(super) parameters: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Fixed(String),
    Parameter(String),
    Rest(String),
}

fn parts_of(path: &str) -> Vec<Part> {
    path.trim_start_matches('/')
        .split('/')
        .map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => match name.strip_suffix('+') {
                Some(name) => Part::Rest(name.to_owned()),
                None => Part::Parameter(name.to_owned()),
            },
            None => Part::Fixed(part.to_owned()),
        })
        .collect()
}

impl Routes {
    pub(super) fn new(routes: &[RouteSpec]) -> Self {
        let mut routes: Vec<_> = routes.iter().map(|route| (parts_of(&route.path), route.clone())).collect();
        // In this order the first resource that fits is the most special one.
        routes.sort_by(|(left, _), (right, _)| left.cmp(right));
        Self { routes }
    }

    /// The route of a request, if there is one.
    pub(super) fn find(&self, method: &str, path: &str) -> Option<Matched<'_>> {
        let path = path.trim_start_matches('/');
        // API Gateway takes a slash at the end for the same resource.
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments: Vec<&str> = path.split('/').collect();
        let (parts, parameters) =
            self.routes.iter().find_map(|(parts, _)| Some((parts, fit(parts, &segments)?)))?;
        // Once the resource is chosen only its own methods count.
        let mut own = self.routes.iter().filter(|(other, _)| other == parts).map(|(_, route)| route);
        let route = own
            .clone()
            .find(|route| route.method == method)
            .or_else(|| own.find(|route| route.method == "ANY"))?;
        Some(Matched { route, parameters })
    }
}

fn fit(parts: &[Part], segments: &[&str]) -> Option<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    let mut rest = segments;
    for part in parts {
        let (first, after) = rest.split_first()?;
        match part {
            Part::Fixed(text) if text == first => {}
            Part::Fixed(_) => return None,
            Part::Parameter(_) if first.is_empty() => return None,
            Part::Parameter(name) => {
                parameters.insert(name.clone(), decoded(first));
            }
            Part::Rest(_) if first.is_empty() && after.is_empty() => return None,
            Part::Rest(name) => {
                parameters.insert(name.clone(), decoded(&rest.join("/")));
                return Some(parameters);
            }
        }
        rest = after;
    }
    rest.is_empty().then_some(parameters)
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(list: &[(&str, &str)]) -> Routes {
        let specs: Vec<RouteSpec> = list
            .iter()
            .map(|(method, path)| RouteSpec {
                path: (*path).into(),
                method: (*method).into(),
                function: format!("{method} {path}"),
            })
            .collect();
        Routes::new(&specs)
    }

    #[test]
    fn the_most_special_route_wins() {
        let routes = routes(&[
            ("ANY", "/v1/{proxy+}"),
            ("ANY", "/v1/orgs"),
            ("GET", "/v1/orgs/{id}"),
            ("ANY", "/v1/orgs/{proxy+}"),
            ("POST", "/hooks/stripe"),
            ("GET", "/.well-known/jwks.json"),
        ]);
        let found =
            |method: &str, path: &str| routes.find(method, path).map(|found| found.route.function.clone());
        assert_eq!(found("GET", "/v1/orgs").as_deref(), Some("ANY /v1/orgs"));
        assert_eq!(found("GET", "/v1/orgs/").as_deref(), Some("ANY /v1/orgs"));
        assert_eq!(found("GET", "/v1/orgs/x").as_deref(), Some("GET /v1/orgs/{id}"));
        assert_eq!(found("POST", "/v1/orgs/x"), None, "the chosen resource has no such method");
        assert_eq!(found("GET", "/v1/orgs/x/y").as_deref(), Some("ANY /v1/orgs/{proxy+}"));
        assert_eq!(found("GET", "/v1/else").as_deref(), Some("ANY /v1/{proxy+}"));
        assert_eq!(found("GET", "/v1"), None);
        assert_eq!(found("GET", "/hooks/stripe"), None);
        assert_eq!(found("GET", "/.well-known/jwks.json").as_deref(), Some("GET /.well-known/jwks.json"));
        let found = routes.find("GET", "/v1/orgs/a%20b/c").unwrap();
        assert_eq!(found.parameters["proxy"], "a b/c");
    }
}
