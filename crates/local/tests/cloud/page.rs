//! The page: its files arrive as what they are, and its scripts ask only for what there is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::product::{Product, local_api, send};
use serde_json::json;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/page")
}

/// The page's files by name, with their content.
fn files() -> Vec<(String, String)> {
    let names = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap()).filter(|name| name != "mod.rs");
    names.map(|name| (name.clone(), std::fs::read_to_string(folder().join(&name)).unwrap())).collect()
}

/// The string literals that follow `before` in the scripts.
fn literals_after(before: &str) -> BTreeSet<String> {
    let scripts = files().into_iter().filter(|(name, _)| matches!(name.rsplit_once('.'), Some((_, "js"))));
    scripts
        .flat_map(|(_, script)| {
            let parts: Vec<String> = script.split(before).skip(1).map(str::to_owned).collect();
            parts
        })
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_is_served_as_what_it_is() {
    let cloud = Product::default().start().await;
    for (name, content) in files() {
        let (path, content_type) = match name.rsplit_once('.').unwrap() {
            ("index", "html") => ("/_local".to_owned(), "text/html; charset=utf-8"),
            ("app", "html") => ("/_local/app/auth/verify".to_owned(), "text/html; charset=utf-8"),
            (_, "js") => (format!("/_local/page/{name}"), "text/javascript; charset=utf-8"),
            (_, "css") => (format!("/_local/page/{name}"), "text/css; charset=utf-8"),
            (_, "svg") => (format!("/_local/page/{name}"), "image/svg+xml"),
            _ => panic!("{name} is no kind of file that the page has"),
        };
        let url = format!("{}{path}", cloud.api_url());
        let served = send("GET", &url, &[], "").await;
        assert_eq!(
            (served.status, &served.headers["content-type"]),
            (200, &content_type.parse().unwrap()),
            "{name}"
        );
        assert_eq!(String::from_utf8(served.body).unwrap(), content, "{name}");
        assert_eq!(served.headers["cache-control"], "no-cache");
        assert!(served.headers["content-security-policy"].starts_with("default-src 'none'"));
        let tag = served.headers["etag"].as_str();
        let again = send("GET", &url, &[("if-none-match", tag)], "").await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{name}");
    }
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    for (name, content) in files() {
        for scheme in ["https://", "http://"] {
            for address in content.split(scheme).skip(1) {
                // The namespace of SVG is a name and not an address.
                assert!(
                    address.starts_with("www.w3.org/2000/svg"),
                    "{name} refers to {scheme}{}",
                    &address[..20]
                );
            }
        }
    }
    let imports = literals_after(" from \"");
    assert!(imports.len() > 10);
    for import in imports {
        assert!(folder().join(&import).exists(), "{import} is imported and does not exist");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scripts_ask_only_for_what_the_local_api_has() {
    let cloud = Product::default().start().await;
    let queue = local_api(&cloud, "GET", "/queues", json!(null)).await.json()["items"][0]["name"].clone();
    let mut asked = 0;
    for (method, call) in [("GET", "get(\""), ("POST", "post(\""), ("DELETE", "remove(\"")] {
        for path in literals_after(call).into_iter().filter(|path| path.starts_with('/')) {
            asked += 1;
            let name = queue.as_str().unwrap();
            let filled =
                path.replace("{name}", name).replace("{action}", "subscribe").replace("{id}", "none");
            let reply = local_api(&cloud, method, &filled, json!({})).await;
            assert_ne!(reply.status, 405, "{method} {path}");
            let text = String::from_utf8(reply.body).unwrap();
            assert!(!text.contains("such route"), "{method} {path} does not exist");
        }
    }
    assert!(asked > 15, "only {asked} paths were found in the scripts");
}

#[test]
fn the_scripts_ask_only_for_what_the_product_has() {
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../functions");
    let mut routes = String::new();
    for function in std::fs::read_dir(functions).unwrap() {
        for file in std::fs::read_dir(function.unwrap().path().join("src")).unwrap() {
            routes += &std::fs::read_to_string(file.unwrap().path()).unwrap();
        }
    }
    let mut asked = 0;
    for method in ["get", "post", "put"] {
        let called = |by: &str| literals_after(&format!("{by}(\"{}\", \"", method.to_uppercase()));
        let start = format!("{method}, path = \"");
        let has = |path: &str| {
            let templates = routes.split(&start).skip(1).filter_map(|rest| rest.split('"').next());
            templates.map(|template| template.split('/')).any(|template| {
                let is_one = |(part, text): (&str, &str)| part == text || part.starts_with('{');
                template.clone().count() == path.split('/').count()
                    && template.zip(path.split('/')).all(is_one)
            })
        };
        for path in called("product").into_iter().chain(called("call")) {
            asked += 1;
            assert!(has(&path), "no function has {method} {path}");
        }
    }
    assert!(asked > 10, "only {asked} paths were found in the scripts");
}
