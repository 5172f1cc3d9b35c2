use super::*;
use crate::process::workspace_root;

fn options(function: &str, method: &str, path: &str) -> Options {
    let permission = Some("ReadMembers".to_owned());
    Options { function: function.to_owned(), path: path.to_owned(), method: method.to_owned(), permission }
}

/// The files that a route is added to, in a folder of their own.
fn copy() -> tempfile::TempDir {
    let (root, copy) = (workspace_root(), tempfile::tempdir().unwrap());
    let mut files = vec![CALLS.to_owned(), parameter::IDS.to_owned()];
    for function in ["api-orgs", "api-billing", "api-auth", "api-devices"] {
        let sources = fs::read_dir(root.join(format!("functions/{function}/src"))).unwrap();
        let names = sources.map(|file| file.unwrap().file_name().into_string().unwrap());
        files.extend(names.map(|name| format!("functions/{function}/src/{name}")));
        files.push(format!("functions/{function}/Cargo.toml"));
    }
    write(copy.path(), files.into_iter().map(|file| (file.clone(), read(&root, &file).unwrap()))).unwrap();
    copy
}

#[test]
fn a_copy_of_the_repository_gets_a_route_in_each_function() {
    let copy = copy();
    for (function, group) in [("api-orgs", "orgs/current"), ("api-billing", "billing"), ("api-auth", "auth")]
    {
        let path = format!("/v1/{group}/shared-notes");
        run(copy.path(), &options(function, "get", &path)).unwrap();
        let text = |file: &str| read(copy.path(), file).unwrap();
        let library = text(&format!("functions/{function}/src/lib.rs"));
        assert!(library.contains("mod shared_notes;\n"), "{library}");
        assert!(library.contains(".routes(routes!(shared_notes::show))"), "{library}");
        let handler = text(&format!("functions/{function}/src/shared_notes.rs"));
        assert!(handler.contains(&format!("get, path = \"{path}\"")) && !handler.contains('@'), "{handler}");
        assert!(handler.contains("operation_id = \"getSharedNotes\"") && handler.contains("ReadMembers"));
        assert!(text(CALLS).contains(&format!("(\"{path}\", \"{function}\"),")));
        let sample = text(&format!("events/{function}/shared-notes.json"));
        assert!(sample.contains(&path) && !sample.contains('@'), "{sample}");
        assert!(run(copy.path(), &options(function, "get", &path)).is_err(), "it is there");
    }
}

#[test]
fn each_method_has_its_handler_its_call_and_a_sample() {
    let copy = copy();
    let one = "/v1/me/devices/{device_id}/notes";
    let id = one.replace("{device_id}", "dev_01kar8h5g0e0vsx4q1v3f6m2ah");
    for (method, path, module, handler, parts, call) in [
        (
            "post",
            "/v1/me/devices/notes",
            "create_note",
            "create",
            &["post, path = ", "operation_id = \"createNote\"", "Repeatable<CreateNote>", "command.once("][..],
            r#"change("/v1/me/devices/notes", "POST /v1/me/devices/notes", "api-devices", &token, &json!({ "name": "Example" }))"#.to_owned(),
        ),
        (
            "put",
            one,
            "replace_notes",
            "replace",
            &["put, path = ", "request_body = ReplaceNotes", "PathParameter(id): PathParameter<DeviceId>"],
            format!(r#"change("{id}", "PUT {one}", "api-devices", &token, &json!({{ "name": "Example" }}))"#),
        ),
        (
            "patch",
            one,
            "update_notes",
            "update",
            &["patch, path = ", "operation_id = \"updateNotes\"", "(\"device_id\" = DeviceId, Path, description = \"The device\")"],
            format!(r#"change("{id}", "PATCH {one}", "api-devices", &token, &json!({{ "name": "Example" }}))"#),
        ),
        (
            "delete",
            one,
            "remove_notes",
            "remove",
            &["delete, path = ", "use primitives::DeviceId;", "_id: PathParameter<DeviceId>"],
            format!(r#"change("{id}", "DELETE {one}", "api-devices", &token, &json!(null))"#),
        ),
        (
            "get",
            "/v1/me/devices/{device_id}",
            "device",
            "show",
            &["operation_id = \"getDevice\"", "id: DeviceId,", "member.permit.org_id, id }"],
            r#"get("/v1/me/devices/dev_01kar8h5g0e0vsx4q1v3f6m2ah", "GET /v1/me/devices/{device_id}", "api-devices", &token)"#.to_owned(),
        ),
    ] {
        run(copy.path(), &options("api-devices", method, path)).unwrap();
        let text = |file: &str| read(copy.path(), file).unwrap();
        let library = text("functions/api-devices/src/lib.rs");
        assert!(library.contains(&format!(".routes(routes!({module}::{handler}))")), "{library}");
        let source = text(&format!("functions/api-devices/src/{module}.rs"));
        for part in parts {
            assert!(source.contains(part), "{part} is missing in {source}");
        }
        assert!(!source.contains('@'), "a placeholder is left in {source}");
        let calls = text(CALLS);
        assert!(calls.contains(&format!("    measured.{call}.await;\n")), "{calls}");
        let sample = text(&format!("events/api-devices/{}.json", module.replace('_', "-")));
        let sample: serde_json::Value = serde_json::from_str(&sample).unwrap();
        assert_eq!(sample["httpMethod"], method.to_ascii_uppercase());
        assert_eq!(sample["body"].is_string(), ["post", "put", "patch"].contains(&method), "{sample}");
        assert!(sample["resource"] == path && !sample["path"].as_str().unwrap().contains('{'));
    }
}

#[test]
fn a_function_depends_on_what_its_handlers_are_written_with() {
    let manifest = "[package]\nname = \"api-x\"\n\n[dependencies]\naxum = { workspace = true }\nserde = { workspace = true }\n\n[dev-dependencies]\naccess = { workspace = true }\n";
    let new = Route::with_dependencies(manifest).unwrap();
    let (dependencies, others) = new.split_once("[dev-dependencies]").unwrap();
    for name in ["access", "http-api", "primitives", "serde", "table", "utoipa"] {
        assert_eq!(dependencies.matches(&format!("\n{name} = {{ workspace = true }}\n")).count(), 1, "{new}");
    }
    assert_eq!(others, "\naccess = { workspace = true }\n");
    assert_eq!(Route::with_dependencies(&new).unwrap(), new);
}

#[test]
fn what_is_no_route_is_refused() {
    let ids = "    NoteId = Note \"nte\";\n";
    for (function, method, path) in [
        ("queue-mail", "get", "/v1/notes"),
        ("api-orgs", "get", "/notes"),
        ("api-orgs", "get", "/v1/Notes"),
        ("api-orgs", "get", "/v1/notes/"),
        ("api-orgs", "head", "/v1/notes"),
        ("api-orgs", "get", "/v1/notes/{id}"),
        ("api-orgs", "get", "/v1/notes/{Note_id}"),
        ("api-orgs", "get", "/v1/notes/{note_id"),
        ("api-orgs", "get", "/v1/{note_id}"),
        ("api-orgs", "get", "/v1/notes/{other_id}"),
        ("api-orgs", "get", "/v1/notes/{note_id}/x/{note_id}"),
    ] {
        assert!(Route::new(&options(function, method, path), ids).is_err(), "{function} {method} {path}");
    }
    let unsaid = Options { permission: None, ..options("api-orgs", "delete", "/v1/notes/{note_id}") };
    let error = Route::new(&unsaid, ids).err().unwrap().to_string();
    assert!(error.contains("--permission"), "{error}");
    assert!(
        Route::new(&Options { permission: None, ..options("api-orgs", "get", "/v1/notes") }, ids).is_ok()
    );
}
