//! The tests: Rust's own, and real clients against the programs built here.

use std::fs;
use std::process::Command;

use crate::chores::{Chores, Result};
use crate::costs;
use crate::tools::{self, Node};

pub(crate) fn all(chores: &mut Chores) -> Result {
    rust(chores)?;
    servers(chores)?;
    npm(chores)?;
    proxy(chores)?;
    cluster(chores)?;
    python(chores)?;
    browser(chores)?;
    costs::chore::test(chores)
}

/// One part that needs the servers.
pub(crate) fn one(chores: &mut Chores, part: fn(&mut Chores) -> Result) -> Result {
    servers(chores)?;
    part(chores)
}

pub(crate) fn rust(chores: &mut Chores) -> Result {
    let features: [(&str, &[&str]); 3] = [
        ("Rust, all features", &["test", "--workspace", "--all-features"]),
        ("Rust, default features", &["test", "--package", "tower-socketio"]),
        ("Rust, no features", &["test", "--package", "tower-socketio", "--no-default-features"]),
    ];
    for (title, arguments) in features {
        chores.step(title, |chores| chores.run_tests(&mut chores.cargo(arguments)))?;
    }
    Ok(())
}

pub(crate) fn npm(chores: &mut Chores) -> Result {
    chores.step("npm clients", |chores| {
        let node = Node::require(chores)?;
        node.packages(chores)?;
        let mut command = node_tests(chores, &node, "tests")?;
        chores.run_tests(command.env("SERVER_CMD", chores.built("interop-server")?))
    })?;
    chores.step("npm clients and the examples", |chores| {
        let node = Node::require(chores)?;
        let mut command = node_tests(chores, &node, "examples")?;
        chores.run_tests(command.env("EXAMPLES", chores.built("examples")?))
    })
}

pub(crate) fn proxy(chores: &mut Chores) -> Result {
    chores.step("npm clients behind proxies", |chores| {
        tools::proxies(chores)?;
        let node = Node::require(chores)?;
        node.packages(chores)?;
        let mut command = node_tests(chores, &node, "proxy")?;
        chores.run_tests(command.env("SERVER_CMD", chores.built("interop-server")?))
    })
}

pub(crate) fn cluster(chores: &mut Chores) -> Result {
    chores.step("clusters of Rust and Node servers", |chores| {
        tools::engines(chores)?;
        let node = Node::require(chores)?;
        node.packages(chores)?;
        let mut command = node_tests(chores, &node, "cluster")?;
        chores.run_tests(command.env("CLUSTER_NODE", chores.built("cluster-node")?))
    })
}

pub(crate) fn python(chores: &mut Chores) -> Result {
    chores.step("Python client", |chores| {
        let mut command = tools::python(chores, &["interop/python/test_interop.py"])?;
        chores.run_tests(command.env("SERVER_CMD", chores.built("interop-server")?))
    })
}

pub(crate) fn browser(chores: &mut Chores) -> Result {
    chores.step("browser", |chores| {
        let chromium = tools::chromium(chores)?;
        tools::engines(chores)?;
        tools::proxies(chores)?;
        let node = Node::require(chores)?;
        node.packages(chores)?;
        let mut command = node_tests(chores, &node, "browser")?;
        command.env("CHROMIUM", chromium).env("SCREENSHOTS", chores.target()?.join("screenshots"));
        command.env("SERVER_CMD", chores.built("interop-server")?);
        command.env("CLUSTER_NODE", chores.built("examples/cluster")?);
        chores.run_tests(command.env("CHAT_CMD", chores.built("examples/chat")?))
    })
}

/// Builds what the clients connect to, with the features that the tests were built with: nothing is built twice.
fn servers(chores: &mut Chores) -> Result {
    chores.step("servers", |chores| {
        let programs = ["--bin", "interop-server", "--bin", "cluster-node", "--examples"];
        chores.run(chores.cargo(&["build", "--workspace", "--all-features"]).args(programs))
    })
}

/// Node's runner over all test files of a folder.
fn node_tests(chores: &Chores, node: &Node, folder: &str) -> Result<Command> {
    let mut files = Vec::new();
    for entry in fs::read_dir(chores.path("interop").join(folder))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".test.mjs") {
            files.push(format!("{folder}/{name}"));
        }
    }
    files.sort();
    // Where Node.js has a WebSocket of its own, the oldest client takes it for a browser's.
    let options = ["--no-experimental-websocket", "--test", "--test-reporter=spec"];
    let mut command = node.program(chores, "node", &options);
    command.args(files);
    Ok(command)
}
