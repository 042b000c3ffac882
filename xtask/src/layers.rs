//! Which crate may depend on which (the table of ARCHITECTURE.md). Dev-dependencies are exempt: tests may look at anything.

use serde_json::Value;

/// The allowed dependencies of each crate, without the prefix `samebit-`. What lies in `edge/` and xtask itself may depend on anything.
const LAYERS: &[(&str, &[&str])] = &[
    ("num", &[]),
    ("commit", &[]),
    ("ops", &["num"]),
    ("graph", &["ops", "num", "commit"]),
    ("engine", &["graph", "ops", "num", "commit"]),
    ("trace", &["engine", "graph", "ops", "num", "commit"]),
    ("recipe", &["graph", "num", "commit"]),
    ("dispute", &["commit"]),
    ("market", &["commit"]),
    ("roles", &["commit", "graph", "trace", "dispute", "market"]),
    ("chain", &["commit", "dispute", "market"]),
    ("net", &["commit"]),
    ("sim", &["roles", "commit", "ops", "graph", "engine", "trace", "dispute", "market"]),
    ("peer", &["roles", "trace", "chain", "net", "engine", "ops", "dispute", "market", "commit"]),
    ("serve", &["peer", "roles", "market"]),
    (
        "cli",
        &[
            "num", "commit", "ops", "graph", "engine", "trace", "recipe", "dispute", "market", "roles",
            "chain", "peer", "sim", "serve",
        ],
    ),
];

const PREFIX: &str = "samebit-";

/// Crates that talk to the network or wait for it.
const ASYNC: &[&str] =
    &["tokio", "async-std", "smol", "hyper", "reqwest", "axum", "socket2", "mio", "iroh", "iroh-blobs"];

/// Features that make a crate fit for tests and unfit for anything else.
const FOR_TESTS: &[&str] = &["planted", "testing", "fixtures"];

/// The only crates that may use the network.
const MAY_WAIT: &[&str] = &["chain", "net", "peer", "serve", "cli"];

/// What is wrong with the workspace's dependencies, given by `cargo metadata`.
pub fn check(metadata: &Value) -> Vec<String> {
    let empty = Vec::new();
    let packages = metadata["packages"].as_array().unwrap_or(&empty);
    packages.iter().flat_map(check_package).collect()
}

fn check_package(package: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (name, manifest) = (text(&package["name"]), text(&package["manifest_path"]).replace('\\', "/"));
    let Some(short) = name.strip_prefix(PREFIX).filter(|_| manifest.contains("/crates/")) else {
        return Vec::new();
    };
    let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == short) else {
        return vec![format!("{name}: not in the table of xtask/src/layers.rs and of ARCHITECTURE.md")];
    };
    let empty = Vec::new();
    let dependencies = package["dependencies"].as_array().unwrap_or(&empty);
    let normal = dependencies.iter().filter(|dependency| dependency["kind"] != "dev");
    let wrong = normal.filter_map(|dependency| {
        let on = text(&dependency["name"]);
        let is_forbidden = match on.strip_prefix(PREFIX) {
            Some(layer) => !allowed.contains(&layer),
            None => ASYNC.contains(&on.as_str()) && !MAY_WAIT.contains(&short),
        };
        is_forbidden.then(|| format!("{name} depends on {on}, which ARCHITECTURE.md does not allow"))
    });
    let asked = dependencies.iter().filter(|dependency| dependency["kind"] != "dev").flat_map(|dependency| {
        let features = dependency["features"].as_array().into_iter().flatten().map(&text);
        features.map(|feature| format!("{}/{feature}", text(&dependency["name"])))
    });
    let own = package["features"].as_object().into_iter().flatten();
    let own = own.flat_map(|(_, enabled)| enabled.as_array().into_iter().flatten().map(&text));
    let is_for_tests = |feature: &String| FOR_TESTS.contains(&feature.rsplit('/').next().unwrap_or_default());
    let in_products = asked.chain(own).filter(is_for_tests);
    let in_products =
        in_products.map(|feature| format!("{name} asks for {feature}, which is for tests alone"));
    wrong.chain(in_products).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(name: &str, dependency: Value) -> usize {
        let manifest = format!("/somewhere/crates/{name}/Cargo.toml");
        let package = json!({"name": format!("samebit-{name}"), "manifest_path": manifest, "dependencies": [dependency]});
        check(&json!({ "packages": [package] })).len()
    }

    #[test]
    fn what_is_for_tests_stays_there() {
        let dependency =
            |kind: Value| json!({"name": "samebit-dispute", "kind": kind, "features": ["planted"]});
        assert_eq!(found("roles", dependency(json!(null))), 1);
        assert_eq!(found("roles", dependency(json!("dev"))), 0);
        let package = json!({
            "name": "samebit-roles", "manifest_path": "/somewhere/crates/roles/Cargo.toml", "dependencies": [],
            "features": {"default": ["samebit-dispute/planted"], "slow": []},
        });
        assert_eq!(check(&json!({ "packages": [package] })).len(), 1);
    }

    #[test]
    fn towers_stay_apart() {
        assert_eq!(found("trace", json!({"name": "samebit-engine", "kind": null})), 0);
        assert_eq!(found("trace", json!({"name": "samebit-dispute", "kind": null})), 1);
        assert_eq!(found("trace", json!({"name": "samebit-dispute", "kind": "dev"})), 0);
        assert_eq!(found("trace", json!({"name": "samebit-dispute", "kind": "build"})), 1);
        assert_eq!(found("num", json!({"name": "samebit-commit", "kind": null})), 1);
        assert_eq!(found("recipe", json!({"name": "tokio", "kind": null})), 1);
        assert_eq!(found("chain", json!({"name": "tokio", "kind": null})), 0);
        assert_eq!(found("roles", json!({"name": "tokio", "kind": null})), 1);
        assert_eq!(found("roles", json!({"name": "samebit-chain", "kind": null})), 1);
        assert_eq!(found("net", json!({"name": "iroh", "kind": null})), 0);
        assert_eq!(found("net", json!({"name": "samebit-dispute", "kind": null})), 1);
        assert_eq!(found("roles", json!({"name": "iroh", "kind": null})), 1);
        assert_eq!(found("unheard-of", json!({"name": "serde", "kind": null})), 1);
    }
}
