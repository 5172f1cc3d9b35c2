//! `docs/errors.md`: every code that a problem document can bear, read from the sources: from each
//! `impl Fault` and each problem that is made by hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

use http_api::Problem;
use primitives::{Fault, FaultKind};
use serde_json::Value;
use syn::{
    Expr, ExprCall, ExprLit, ImplItem, ItemEnum, ItemImpl, Lit, LitStr, Local, Pat,
    visit::{self, Visit},
};

use crate::template::{Template, repository};

/// Whose errors stay inside: answers of outside systems, and workers that nobody calls.
const INSIDE: &[&str] = &["email-client", "queue-", "stream-", "cron-", "rotate-", "operator"];

/// Errors of workers in crates that routes use too.
const OF_WORKERS: &[&str] = &["FanOutError", "DeliveryError"];

const INTRODUCTION: &str = "\
<!-- Written by `cargo xtask generate` from the sources; do not edit. -->

# Errors

Whatever is not a success is `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`, `instance` (the
correlation id), `code`, and `errors[]` with JSON pointers where the request breaks rules. Programs switch on `code`; it is never
renamed. `Retry-After` says when another attempt makes sense.

| `code` | status | |
|---|---|---|
";

/// The problem documents in the template, as text, each with its status. Of the two for all other cases the
/// commonest stands for all.
fn gateway_answers(template: &Template) -> Vec<(String, u16)> {
    let api = template.resource("Api").expect("the template has an Api");
    let responses = api.property("GatewayResponses").as_object().into_iter().flatten();
    let of_gateway = responses.map(|(name, response)| {
        let usual = if name == "DEFAULT_5XX" { 500 } else { 400 };
        let status = response["StatusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
        (response["ResponseTemplates"]["application/json"].clone(), status.unwrap_or(usual))
    });
    let acl = template.resource("WebAcl").expect("the template has a WebAcl");
    let bodies = acl.property("CustomResponseBodies").as_object().into_iter().flatten();
    let of_firewall = bodies.map(|(_, body)| (body["Content"].clone(), 413));
    let text = |(body, status): (Value, u16)| Some((body.as_str()?.to_owned(), status));
    of_gateway.chain(of_firewall).filter_map(text).collect()
}

/// What is known of one code.
#[derive(Default)]
struct Code {
    statuses: BTreeSet<u16>,
    meanings: BTreeSet<String>,
}

/// Every code.
///
/// # Panics
///
/// Where a source cannot be read as Rust.
pub fn codes() -> Vec<String> {
    sources().codes.into_keys().collect()
}

/// The page.
///
/// # Panics
///
/// Where a source cannot be read as Rust.
pub(super) fn page() -> String {
    let rows = sources().codes.into_iter().map(|(code, about)| {
        let statuses: Vec<String> = about.statuses.iter().map(u16::to_string).collect();
        let meanings: Vec<&str> = about.meanings.iter().map(String::as_str).collect();
        format!("| <a id=\"{code}\"></a>`{code}` | {} | {} |\n", statuses.join(", "), meanings.join("<br>"))
    });
    INTRODUCTION.to_owned() + &rows.collect::<String>()
}

fn sources() -> Sources {
    let mut sources = Sources::default();
    let root = repository();
    for folder in ["crates", "functions"] {
        for package in fs::read_dir(root.join(folder)).expect("the workspace is readable").flatten() {
            let name = package.file_name().to_string_lossy().into_owned();
            if !INSIDE.iter().any(|inside| name.starts_with(inside)) {
                sources.read(&package.path().join("src"));
            }
        }
    }
    sources.read_gateway(&Template::of_repository());
    sources
}

/// What the sources say, gathered file by file.
#[derive(Default)]
struct Sources {
    codes: BTreeMap<String, Code>,
    /// Of the file at hand: the message of each variant, by enum and variant.
    messages: BTreeMap<(String, String), String>,
    /// Of the function at hand: the last text that was called `detail`.
    detail: Option<String>,
}

impl Sources {
    fn read(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                self.read(&path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source is UTF-8");
                let file = syn::parse_file(&text).expect("a source is Rust");
                self.messages.clear();
                self.visit_file(&file);
            }
        }
    }

    /// What the gateway and the firewall answer by themselves.
    fn read_gateway(&mut self, template: &Template) {
        for (body, status) in gateway_answers(template) {
            let document: Value =
                serde_json::from_str(&body).expect("a gateway's answer is a problem document");
            let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
            self.note(text("code"), status, (status < 500).then(|| text("detail")));
        }
    }

    fn note(&mut self, code: String, status: u16, meaning: Option<String>) {
        let about = self.codes.entry(code).or_default();
        about.statuses.insert(status);
        about.meanings.extend(meaning);
    }
}

impl<'ast> Visit<'ast> for Sources {
    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        for variant in &item.variants {
            let attribute = variant.attrs.iter().find(|attribute| attribute.path().is_ident("error"));
            let tokens = attribute.and_then(|attribute| attribute.meta.require_list().ok());
            let first = tokens.and_then(|list| list.tokens.clone().into_iter().next());
            if let Some(text) = first.and_then(|token| syn::parse_str::<LitStr>(&token.to_string()).ok()) {
                let name = (item.ident.to_string(), variant.ident.to_string());
                self.messages.insert(name, without_placeholders(&text.value()));
            }
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if module.ident != "tests" {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let of_fault = item
            .trait_
            .as_ref()
            .is_some_and(|(_, path, _)| path.segments.last().is_some_and(|last| last.ident == "Fault"));
        if !of_fault {
            visit::visit_item_impl(self, item);
            return;
        }
        let syn::Type::Path(own) = item.self_ty.as_ref() else { return };
        let name = own.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
        if OF_WORKERS.contains(&name.as_str()) {
            return;
        }
        let kinds = arms(item, "kind");
        for (variant, code) in arms(item, "code") {
            let kind = kinds.get(&variant).or_else(|| kinds.get("_"));
            if let (Some(code), Some(kind)) = (literal(code), kind.and_then(|kind| fault_kind(kind))) {
                let (status, fixed) = answer(kind);
                let meaning = fixed.or_else(|| self.messages.get(&(name.clone(), variant)).cloned());
                self.note(code, status, meaning);
            }
        }
    }

    fn visit_local(&mut self, local: &'ast Local) {
        if matches!(&local.pat, Pat::Ident(name) if name.ident == "detail") {
            self.detail = local.init.as_ref().and_then(|init| literal(&init.expr));
        }
        visit::visit_local(self, local);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        let arguments: Vec<&Expr> = call.args.iter().collect();
        if let [Expr::Path(status), code, detail] = arguments.as_slice()
            && status.path.segments.first().is_some_and(|first| first.ident == "StatusCode")
            && let Some(code) = literal(code)
        {
            let name = status.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
            let number = STATUSES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
            let meaning = literal(detail).or_else(|| self.detail.clone());
            let number =
                number.unwrap_or_else(|| panic!("StatusCode::{name} is not in STATUSES of problem_codes.rs"));
            let shown = meaning.filter(|_| number < 500);
            self.note(code, number, shown.map(|text| without_placeholders(&text)));
        }
        visit::visit_expr_call(self, call);
    }
}

/// The statuses that problems made by hand have.
const STATUSES: &[(&str, u16)] = &[
    ("BAD_REQUEST", 400),
    ("UNAUTHORIZED", 401),
    ("FORBIDDEN", 403),
    ("NOT_FOUND", 404),
    ("METHOD_NOT_ALLOWED", 405),
    ("NOT_ACCEPTABLE", 406),
    ("CONFLICT", 409),
    ("GONE", 410),
    ("PAYLOAD_TOO_LARGE", 413),
    ("UNSUPPORTED_MEDIA_TYPE", 415),
    ("UNPROCESSABLE_ENTITY", 422),
    ("TOO_MANY_REQUESTS", 429),
    ("INTERNAL_SERVER_ERROR", 500),
    ("BAD_GATEWAY", 502),
    ("SERVICE_UNAVAILABLE", 503),
    ("GATEWAY_TIMEOUT", 504),
];

/// What a method of an impl gives for each variant; `_` where it gives one thing for all, or for the rest.
fn arms<'ast>(item: &'ast ItemImpl, method: &str) -> BTreeMap<String, &'ast Expr> {
    let mut found = BTreeMap::new();
    let methods = item.items.iter().filter_map(|item| match item {
        ImplItem::Fn(function) if function.sig.ident == method => Some(function),
        _ => None,
    });
    for function in methods {
        match function.block.stmts.last() {
            Some(syn::Stmt::Expr(Expr::Match(cases), _)) => {
                for arm in &cases.arms {
                    for variant in variants(&arm.pat) {
                        found.insert(variant, arm.body.as_ref());
                    }
                }
            }
            Some(syn::Stmt::Expr(one, _)) => {
                found.insert("_".to_owned(), one);
            }
            _ => {}
        }
    }
    found
}

fn variants(pattern: &Pat) -> Vec<String> {
    let last =
        |path: &syn::Path| path.segments.last().map(|last| last.ident.to_string()).into_iter().collect();
    match pattern {
        Pat::Or(any) => any.cases.iter().flat_map(variants).collect(),
        Pat::Path(path) => last(&path.path),
        Pat::TupleStruct(tuple) => last(&tuple.path),
        Pat::Struct(record) => last(&record.path),
        Pat::Wild(_) => vec!["_".to_owned()],
        _ => Vec::new(),
    }
}

fn literal(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        Expr::Macro(call) if call.mac.path.is_ident("format") => {
            let first = call.mac.tokens.clone().into_iter().next()?;
            syn::parse_str::<LitStr>(&first.to_string()).ok().map(|text| text.value())
        }
        _ => None,
    }
}

fn fault_kind(kind: &Expr) -> Option<FaultKind> {
    let Expr::Path(path) = kind else { return None };
    Some(match path.path.segments.last()?.ident.to_string().as_str() {
        "Invalid" => FaultKind::Invalid,
        "Unauthenticated" => FaultKind::Unauthenticated,
        "Forbidden" => FaultKind::Forbidden,
        "Unpaid" => FaultKind::Unpaid,
        "NotFound" => FaultKind::NotFound,
        "Gone" => FaultKind::Gone,
        "Conflict" => FaultKind::Conflict,
        "Limited" => FaultKind::Limited,
        "Unavailable" => FaultKind::Unavailable,
        "Internal" => FaultKind::Internal,
        _ => return None,
    })
}

/// The status that `http-api` gives to a kind, and the detail where it is the same for all faults of the
/// kind: asked of `http-api` itself.
fn answer(kind: FaultKind) -> (u16, Option<String>) {
    let problem = Problem::from(OfKind(kind));
    let shown = problem.to_string();
    let detail = shown.split_once(": ").map(|(_, detail)| detail.to_owned());
    (problem.status().as_u16(), detail.filter(|detail| *detail != OfKind(kind).to_string()))
}

/// A fault that is nothing but its kind.
#[derive(Debug)]
struct OfKind(FaultKind);

impl fmt::Display for OfKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fault")
    }
}

impl std::error::Error for OfKind {}

impl Fault for OfKind {
    fn kind(&self) -> FaultKind {
        self.0
    }

    fn code(&self) -> &'static str {
        "of_kind"
    }
}

/// `{name}` and `{0:?}` become an ellipsis.
fn without_placeholders(text: &str) -> String {
    let mut parts = text.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + "…" + part.split_once('}').map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(source: &str) -> BTreeMap<String, (Vec<u16>, Vec<String>)> {
        let mut sources = Sources::default();
        sources.visit_file(&syn::parse_file(source).unwrap());
        let plain =
            |about: Code| (about.statuses.into_iter().collect(), about.meanings.into_iter().collect());
        sources.codes.into_iter().map(|(code, about)| (code, plain(about))).collect()
    }

    #[test]
    fn codes_of_faults_are_found() {
        let found = codes(
            r#"
            enum OrgError {
                #[error("the slug {slug:?} is taken; choose another")] SlugTaken { slug: Slug },
                #[error("no")] Gone,
                #[error(transparent)] Store(StoreError),
            }
            impl Fault for OrgError {
                fn kind(&self) -> FaultKind {
                    match self { Self::SlugTaken { .. } => FaultKind::Conflict, Self::Store(error) => error.kind(), _ => FaultKind::Gone }
                }
                fn code(&self) -> &'static str {
                    match self { Self::SlugTaken { .. } => "slug_taken", Self::Gone => "org_gone", Self::Store(error) => error.code() }
                }
            }
            "#,
        );
        assert_eq!(found["slug_taken"], (vec![409], vec!["the slug … is taken; choose another".to_owned()]));
        assert_eq!(found["org_gone"], (vec![410], vec!["no".to_owned()]));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn problems_made_by_hand_are_found() {
        let found = codes(
            r#"fn f() { let detail = "send JSON"; Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported", detail); }"#,
        );
        assert_eq!(found["unsupported"], (vec![415], vec!["send JSON".to_owned()]));
    }

    #[test]
    fn tests_are_not_read() {
        assert!(codes(r#"mod tests { fn f() { Problem::new(StatusCode::GONE, "x", "y"); } }"#).is_empty());
    }
}
