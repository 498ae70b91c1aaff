//! What the tests need beside Rust: found, or installed where that is possible.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::chores::{Chores, Result};
use crate::packages::{self, install};

/// The oldest major version of Node.js on which the clients run.
const OLDEST_NODE: u32 = 20;
/// What is taken from npm's registry where the system's is older.
const NODE: &str = "22.23.1";

/// The proxies that clients are brought through, and what makes their certificate; programs and packages of Debian's.
const PROXIES: [&str; 4] = ["nginx", "haproxy", "caddy", "openssl"];
/// Where Debian has Postgres' programs: in a folder for each version, beside `PATH`.
const POSTGRES: &str = "/usr/lib/postgresql";

/// The first program of this name in `PATH`, or where Debian has servers.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    let folders = env::split_paths(&folders).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Whether this compiler, `+nightly` for example, is installed. Asking must not install it.
pub(crate) fn has_toolchain(chores: &Chores, name: &str) -> bool {
    let mut cargo = chores.cargo(&[name, "--version"]);
    cargo.env("RUSTUP_AUTO_INSTALL", "0").output().is_ok_and(|output| output.status.success())
}

/// Node.js and npm, found before any other of their kind.
pub(crate) struct Node {
    path: OsString,
}

impl Node {
    pub(crate) fn require(chores: &Chores) -> Result<Self> {
        require(chores, &["node"], &["nodejs"])?;
        require(chores, &["npm"], &["npm"])?;
        let path = env::var_os("PATH").unwrap_or_default();
        if version(chores)? >= OLDEST_NODE {
            return Ok(Self { path });
        }
        let folder = install_node(chores)?;
        let path = env::join_paths([folder].into_iter().chain(env::split_paths(&path)))?;
        Ok(Self { path })
    }

    /// `node` or `npm`, started in the folder of the clients.
    pub(crate) fn program(&self, chores: &Chores, name: &str, arguments: &[&str]) -> Command {
        let mut command = chores.program(name, arguments);
        command.current_dir(chores.path("interop")).env("PATH", &self.path);
        command
    }

    /// Installs the clients, unless those of the lock file are there.
    pub(crate) fn packages(&self, chores: &Chores) -> Result {
        let modules = chores.path("interop/node_modules");
        once(&chores.path("interop/package-lock.json"), &modules, || {
            chores.run(&mut self.program(chores, "npm", &["ci", "--no-audit", "--no-fund"]))
        })
    }
}

/// Chromium's program; the environment variable `CHROMIUM` names another one.
pub(crate) fn chromium(chores: &Chores) -> Result<PathBuf> {
    if let Some(path) = env::var_os("CHROMIUM") {
        return Ok(path.into());
    }
    let names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
    require(chores, &names, &["chromium", "fonts-liberation"])
}

/// Sees to it that every proxy is there.
pub(crate) fn proxies(chores: &Chores) -> Result {
    let missing = || PROXIES.into_iter().filter(|name| find(name).is_none()).collect::<Vec<_>>();
    let before = missing();
    if !before.is_empty() {
        install(chores, &before.join(", "), &before)?;
    }
    match &*missing() {
        [] => Ok(()),
        still => Err(format!("missing, even after installation: {}", still.join(", ")).into()),
    }
}

/// Sees to it that what clusters are joined by is there; the tests start and stop it themselves.
pub(crate) fn engines(chores: &Chores) -> Result {
    require(chores, &["redis-server"], &["redis-server"])?;
    require(chores, &["redis-cli"], &["redis-tools"])?;
    if find("valkey-server").is_none()
        && let Err(error) = packages::install_newer(chores, "valkey-server", &["valkey-server"])
    {
        println!("left out: clusters are tested without Valkey, as {error}");
    }
    if !has_postgres() {
        install(chores, "postgres", &["postgresql"])?;
    }
    if has_postgres() { Ok(()) } else { Err("postgres is missing, even after its installation".into()) }
}

fn has_postgres() -> bool {
    let versions = fs::read_dir(POSTGRES).into_iter().flatten().flatten();
    find("postgres").is_some()
        || versions.map(|version| version.path()).any(|path| path.join("bin/postgres").is_file())
}

/// Python with its own folder of packages: `PYTHONPATH` works where virtual environments cannot be made.
pub(crate) fn python(chores: &Chores, arguments: &[&str]) -> Result<Command> {
    require(chores, &["python3"], &["python3"])?;
    if !chores.program("python3", &["-m", "pip", "--version"]).output()?.status.success() {
        install(chores, "pip", &["python3-pip"])?;
    }
    let (list, packages) = ("interop/python/requirements.txt", chores.target()?.join("python-packages"));
    once(&chores.path(list), &packages, || {
        let mut pip = chores.program("python3", &["-m", "pip", "install", "--quiet", "--target"]);
        pip.arg(&packages).args(["--requirement", list]);
        chores.run(pip.env("PIP_ROOT_USER_ACTION", "ignore"))
    })?;
    let mut command = chores.program("python3", arguments);
    command.env("PYTHONPATH", packages);
    Ok(command)
}

/// What tells the system calls of a program.
pub(crate) fn strace(chores: &Chores) -> Result<PathBuf> {
    require(chores, &["strace"], &["strace"])
}

/// What counts the instructions of a program.
pub(crate) fn valgrind(chores: &Chores) -> Result<PathBuf> {
    require(chores, &["valgrind"], &["valgrind"])
}

/// The first of these programs that is there, after installing the packages if none was.
fn require(chores: &Chores, programs: &[&str], packages: &[&str]) -> Result<PathBuf> {
    let found = || programs.iter().find_map(|name| find(name));
    if found().is_none() {
        install(chores, programs[0], packages)?;
    }
    found().ok_or_else(|| format!("{} is missing, even after its installation", programs[0]).into())
}

/// The major version of the system's Node.js.
fn version(chores: &Chores) -> Result<u32> {
    let output = chores.program("node", &["--version"]).output()?;
    let text = String::from_utf8(output.stdout)?;
    let major = text.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    major.ok_or_else(|| format!("`node --version` printed {text:?}").into())
}

/// Installs Node.js from npm's registry, where it is a package like any other, and gives the folder of its program.
fn install_node(chores: &Chores) -> Result<PathBuf> {
    let machine = match env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => {
            return Err(
                format!("Node.js is older than {OLDEST_NODE}; install a newer one for {other}").into()
            );
        }
    };
    let package = format!("node-{}-{machine}", env::consts::OS.replace("macos", "darwin"));
    let (folder, wanted) = (chores.target()?.join("node"), format!("{package}@{NODE}"));
    let bin = folder.join("node_modules").join(&package).join("bin");
    if !bin.join("node").is_file() {
        fs::create_dir_all(&folder)?;
        let npm = ["install", "--no-save", "--no-audit", "--no-fund", "--prefix"];
        chores.run(chores.program("npm", &npm).arg(&folder).arg(wanted))?;
    }
    Ok(bin)
}

/// Fills a folder as a list of packages says, unless it was filled from the same list.
fn once(list: &Path, folder: &Path, fill: impl FnOnce() -> Result) -> Result {
    let (wanted, stamp) = (fs::read(list)?, folder.join(".installed-from"));
    if fs::read(&stamp).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fill()?;
    Ok(fs::write(stamp, wanted)?)
}
