//! How a Postgres is started that is no part of the system.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::server::on_path;

type Error = Box<dyn std::error::Error>;

/// Where systems keep the programs of each version that is installed.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The user, whom nobody is asked for a password, and its database.
const USER: &str = "postgres";

/// Its programs, and the user as whom they run.
#[derive(Debug)]
pub(super) struct Postgres {
    programs: PathBuf,
    /// As root it refuses to run.
    user: Option<(u32, u32)>,
}

impl Postgres {
    /// The one that is there, if there is one that can be run.
    pub(super) fn find() -> Option<Self> {
        let programs = programs()?;
        let is_root = fs::metadata("/proc/self").ok()?.uid() == 0;
        if !is_root {
            return Some(Self { programs, user: None });
        }
        let user = user().filter(|_| on_path("setpriv"))?;
        Some(Self { programs, user: Some(user) })
    }

    /// Makes a database in a folder, which is given to its user.
    pub(super) async fn create(&self, folder: &Path) -> Result<(), Error> {
        if let Some((user, group)) = self.user {
            chown(folder, Some(user), Some(group))?;
        }
        let mut words = self.words("initdb");
        let fixed = ["--auth", "trust", "--username", USER, "--no-sync", "--pgdata"];
        words.extend(fixed.map(OsString::from));
        words.push(folder.into());
        let made = run(&words).await?;
        if made { Ok(()) } else { Err("initdb failed".into()) }
    }

    /// The words that start it.
    pub(super) fn start(&self, folder: &Path, port: u16) -> Vec<OsString> {
        let mut words = self.words("postgres");
        words.extend(["-D".into(), folder.into(), "-p".into(), port.to_string().into()]);
        // Nothing of it is to last.
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"] {
            words.extend(["-c".into(), setting.into()]);
        }
        words
    }

    /// Whether it takes connections.
    pub(super) async fn is_ready(&self, port: u16) -> bool {
        let program = self.programs.join("pg_isready");
        let mut words = vec![program.into()];
        let port = port.to_string();
        words.extend(["-q", "-h", "127.0.0.1", "-p", &port].map(OsString::from));
        run(&words).await.unwrap_or(false)
    }

    /// The URL of its database.
    pub(super) fn url(port: u16) -> String {
        format!("postgres://{USER}@127.0.0.1:{port}/{USER}")
    }

    fn words(&self, program: &str) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        if let Some((user, group)) = self.user {
            let (user, group) = (user.to_string(), group.to_string());
            words.extend(
                ["setpriv", "--reuid", &user, "--regid", &group, "--clear-groups"].map(OsString::from),
            );
        }
        words.push(self.programs.join(program).into());
        words
    }
}

/// Runs something that says nothing; whether it succeeded.
async fn run(words: &[OsString]) -> std::io::Result<bool> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    Ok(command.status().await?.success())
}

/// The folder of the newest version's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir(VERSIONS).ok()?.filter_map(|version| {
        let version = version.ok()?;
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        let programs = version.path().join("bin");
        programs.join("postgres").is_file().then_some((number, programs))
    });
    versions.max().map(|(_, programs)| programs)
}

/// The ids of the user whom the system has for it, and of that user's group.
fn user() -> Option<(u32, u32)> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    ids(&users)
}

fn ids(users: &str) -> Option<(u32, u32)> {
    users.lines().find_map(|line| {
        let mut fields = line.strip_prefix(USER)?.strip_prefix(':')?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_user_is_found_among_others() {
        let users = "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:8::/:/bin/sh\n\
            postgres:x:101:104:PostgreSQL:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(ids(users), Some((101, 104)));
        assert_eq!(ids("root:x:0:0:root:/root:/bin/bash\n"), None);
    }

    #[test]
    fn whoever_is_not_root_runs_it_directly() {
        let mut postgres = Postgres { programs: "/p".into(), user: None };
        assert_eq!(postgres.start(Path::new("/f"), 7)[..5], ["/p/postgres", "-D", "/f", "-p", "7"]);
        postgres.user = Some((101, 104));
        let words = postgres.start(Path::new("/f"), 7);
        assert_eq!(
            words[..7],
            ["setpriv", "--reuid", "101", "--regid", "104", "--clear-groups", "/p/postgres"]
        );
    }
}
