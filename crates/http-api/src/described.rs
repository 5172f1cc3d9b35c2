use std::collections::{BTreeSet, HashMap};

use http::{Method, header};
use utoipa::openapi::{
    OpenApi, RefOr,
    path::{Operation, Parameter, ParameterIn},
};

use primitives::FieldCode;

use crate::{fields::MOST_ERRORS, problem::FieldError};

/// What the description of the routes says that the edge holds them to, so that the two cannot
/// differ.
#[derive(Debug, Default)]
pub(crate) struct Described(HashMap<(String, Method), Route>);

/// One operation.
#[derive(Debug)]
pub(crate) struct Route {
    query: BTreeSet<String>,
    takes_body: bool,
    takes_if_match: bool,
    media_types: BTreeSet<String>,
}

impl Described {
    pub(crate) fn read(description: &OpenApi) -> Self {
        let mut routes = HashMap::new();
        for (path, item) in &description.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    routes.insert((path.clone(), method), Route::read(operation));
                }
            }
        }
        Self(routes)
    }

    /// The methods of a path, as `Allow` names them; none where there is no such path.
    pub(crate) fn methods(&self, path: &str) -> Vec<&str> {
        let of_path = self.0.keys().filter(|(route, _)| route == path).map(|(_, method)| method.as_str());
        let mut methods: Vec<&str> = of_path.collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        if !methods.is_empty() {
            methods.push("OPTIONS");
        }
        methods.sort_unstable();
        methods
    }

    /// The operation that answers; a HEAD is answered as the GET would be.
    pub(crate) fn route(&self, path: &str, method: &Method) -> Option<&Route> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.0.get(&(path.to_owned(), method.clone()))
    }
}

impl Route {
    fn read(operation: &Operation) -> Self {
        let named = |parameter: &RefOr<Parameter>, place: &ParameterIn| match parameter {
            RefOr::T(parameter) if parameter.parameter_in == *place => Some(parameter.name.clone()),
            _ => None,
        };
        let parameters = || operation.parameters.iter().flatten();
        let responses = operation.responses.responses.values().filter_map(|response| match response {
            RefOr::T(response) => Some(response.content.keys().cloned()),
            RefOr::Ref(_) => None,
        });
        Self {
            query: parameters().filter_map(|one| named(one, &ParameterIn::Query)).collect(),
            takes_body: operation.request_body.is_some(),
            takes_if_match: parameters()
                .filter_map(|one| named(one, &ParameterIn::Header))
                .any(|name| name.eq_ignore_ascii_case(header::IF_MATCH.as_str())),
            media_types: responses.flatten().collect(),
        }
    }

    /// What is wrong with the query: the parameters that the route does not take.
    pub(crate) fn unknown_parameters(&self, query: &str) -> Vec<FieldError> {
        let names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name.into_owned());
        let unknown: BTreeSet<String> = names.filter(|name| !self.query.contains(name)).collect();
        let error = |name: &String| {
            FieldError::new(
                &format!("?{name}"),
                FieldCode::UnknownField,
                "this route takes no such parameter",
            )
        };
        unknown.iter().take(MOST_ERRORS).map(error).collect()
    }

    /// Whether a body is read.
    pub(crate) fn takes_body(&self) -> bool {
        self.takes_body
    }

    /// Whether the state is looked at that a client expects. A route that passed over it would
    /// change what the client has not seen.
    pub(crate) fn takes_if_match(&self) -> bool {
        self.takes_if_match
    }

    /// Whether an answer in this type may come.
    pub(crate) fn answers_with(&self, media_type: &str) -> bool {
        self.media_types.contains(media_type)
    }
}
