//! Packages of Debian's and of its descendants.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};

use crate::chores::{Chores, Result};
use crate::tools::find;

/// What packages ask before they start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// Whom Debian's archives are signed by.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Installs packages, if we may.
pub(crate) fn install(chores: &Chores, what: &str, packages: &[&str]) -> Result {
    may_install(chores, what, packages)?;
    let apt = Apt::new(chores);
    apt.update()?;
    apt.install(packages)
}

/// Installs packages that the distribution may be too old to have: then from its backports, if it is Debian.
pub(crate) fn install_newer(chores: &Chores, what: &str, packages: &[&str]) -> Result {
    may_install(chores, what, packages)?;
    let mut apt = Apt::new(chores);
    apt.update()?;
    if !apt.has(packages)? {
        apt.use_backports()?;
        apt.update()?;
    }
    if !apt.has(packages)? {
        return Err(format!("the distribution has no {}", packages.join(", ")).into());
    }
    apt.install(packages)
}

fn may_install(chores: &Chores, what: &str, packages: &[&str]) -> Result {
    let user = chores.program("id", &["-u"]).output()?.stdout;
    if user.trim_ascii() == b"0" && find("apt-get").is_some() {
        return Ok(());
    }
    let packages = packages.join(" ");
    Err(format!("{what} is missing: install it, for example by `apt-get install {packages}`").into())
}

/// What installs packages, from the sources that the machine has or from others for once.
struct Apt<'a> {
    chores: &'a Chores,
    sources: Option<Sources>,
}

impl<'a> Apt<'a> {
    fn new(chores: &'a Chores) -> Self {
        Self { chores, sources: None }
    }

    /// From here on only the release and its backports are known, those of the mirror that the machine uses.
    fn use_backports(&mut self) -> Result {
        let wanted = ["Created-By: Packages", "Origin: Debian", "Label: Debian", "Component: main"];
        let mut targets = self.command("apt-get", &["indextargets", "--format", "$(REPO_URI) $(CODENAME)"]);
        let targets = String::from_utf8(targets.args(wanted).output()?.stdout)?;
        // Updates have a release's name and more.
        let mut releases = targets.lines().filter_map(|line| line.split_once(' '));
        let release = releases.find(|(_, name)| !name.contains('-'));
        let (mirror, name) = release.ok_or("this is no release of Debian's with backports")?;
        let line = |suite: &str| format!("deb [signed-by={KEYS}] {mirror} {suite} main\n");
        self.sources = Some(Sources::write(&(line(name) + &line(&format!("{name}-backports"))))?);
        Ok(())
    }

    fn update(&self) -> Result {
        self.chores.run(&mut self.command("apt-get", &["-qq", "update"]))
    }

    /// Whether all of these can be installed.
    fn has(&self, packages: &[&str]) -> Result<bool> {
        let output = self.command("apt-cache", &["policy"]).args(packages).env("LC_ALL", "C").output()?;
        let text = String::from_utf8(output.stdout)?;
        let candidates = text.lines().filter_map(|line| line.trim().strip_prefix("Candidate: "));
        Ok(candidates.filter(|version| *version != "(none)").count() == packages.len())
    }

    fn install(&self, packages: &[&str]) -> Result {
        let _policy = NoServices::declare(self.chores)?;
        let mut command = self.command("apt-get", &["-qq", "install", "--yes", "--no-install-recommends"]);
        command.args(packages);
        self.chores.run(command.env("DEBIAN_FRONTEND", "noninteractive"))
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.chores.program(program, &["-o", "DPkg::Lock::Timeout=300"]);
        for setting in self.sources.iter().flat_map(Sources::settings) {
            command.arg("-o").arg(setting);
        }
        command.args(arguments);
        command
    }
}

/// Sources of packages that are no longer known when this is dropped, and what they offered.
struct Sources {
    folder: PathBuf,
}

impl Sources {
    fn write(list: &str) -> Result<Self> {
        let folder = env::temp_dir().join(format!("backports-{}", process::id()));
        fs::create_dir(&folder)?;
        let sources = Self { folder };
        fs::create_dir_all(sources.folder.join("lists/partial"))?;
        fs::write(sources.folder.join("list"), list)?;
        Ok(sources)
    }

    fn settings(&self) -> [String; 5] {
        let folder = self.folder.display();
        [
            format!("Dir::Etc::SourceList={folder}/list"),
            "Dir::Etc::SourceParts=-".to_owned(),
            format!("Dir::State::Lists={folder}/lists/"),
            // What the machine has of these is made of its own sources.
            "Dir::Cache::pkgcache=".to_owned(),
            "Dir::Cache::srcpkgcache=".to_owned(),
        ]
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("{} is left behind: {error}", self.folder.display());
        }
    }
}

/// While this lives, packages do not start their services, whose ports are none of our business.
struct NoServices {
    /// Whether the policy is ours; somebody else's is left as it is.
    ours: bool,
}

impl NoServices {
    fn declare(chores: &Chores) -> Result<Self> {
        if Path::new(POLICY).exists() {
            return Ok(Self { ours: false });
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n")?;
        let policy = Self { ours: true };
        chores.run(&mut chores.program("chmod", &["755", POLICY]))?;
        Ok(policy)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("{POLICY} is left behind: {error}");
        }
    }
}
