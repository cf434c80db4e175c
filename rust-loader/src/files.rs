//! The edge to the file system: rules R1 and R2 of the specification. A file is read no further than the format allows,
//! and once, unless a writer is at work (section 19).

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::errors::{Code, Error};

const MAX_CONFIG: u64 = 1_048_576;
const MAX_NPZ: u64 = 150_994_944;

/// How long a reader waits before it reads the pair again, in milliseconds.
const PAUSES: [u64; 3] = [1, 4, 16];

/// The two files of an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The path of `NAME.npz`.
    pub npz: PathBuf,
    /// The path of `NAME_config.json`.
    pub config: PathBuf,
}

impl Pair {
    /// The pair that `PATH/NAME`, `PATH/NAME.npz` or `PATH/NAME_config.json` names. Nothing is read.
    pub fn of(artifact: impl AsRef<Path>) -> Pair {
        // Not file_name, which drops a trailing slash: `folder/` would name `folder.npz`.
        let mut stem = artifact.as_ref().as_os_str().to_os_string();
        if let Some(text) = artifact.as_ref().to_str() {
            let cut = text.strip_suffix(".npz").or_else(|| text.strip_suffix("_config.json"));
            stem = cut.unwrap_or(text).into();
        } else if artifact.as_ref().extension().is_some_and(|extension| extension == "npz") {
            stem = artifact.as_ref().with_extension("").into_os_string();
        }
        let with = |suffix: &str| {
            let mut path = stem.clone();
            path.push(suffix);
            PathBuf::from(path)
        };
        Pair { npz: with(".npz"), config: with("_config.json") }
    }

    /// NAME.
    pub fn name(&self) -> String {
        self.npz.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The bytes of the NPZ and of the config; the config is read first.
    ///
    /// # Errors
    /// `FILE_UNREADABLE` at `config` or `npz`. A file above its limit is cut one byte past it, which is enough for
    /// [`Head::from_bytes`](crate::Head::from_bytes) to refuse it.
    pub fn read(&self) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let config = read(&self.config, "config", MAX_CONFIG + 1)?;
        let npz = read(&self.npz, "npz", MAX_NPZ + 1)?;
        Ok((npz, config))
    }

    /// Reads the pair and gives its bytes to `judge`: again, at most three times, where the NPZ is not the config's,
    /// since a writer may be between the two files.
    pub(crate) fn read_settled<T>(&self, judge: impl Fn(Vec<u8>, &[u8]) -> Result<T, Error>) -> Result<T, Error> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let (npz, config) = self.read()?;
            let result = judge(npz, &config);
            let torn = matches!(&result, Err(error) if error.code() == Code::NpzDigest);
            match pauses.next() {
                Some(pause) if torn => std::thread::sleep(Duration::from_millis(pause)),
                _ => return result,
            }
        }
    }
}

/// Reads a regular file of at most `limit` bytes.
pub(crate) fn read(path: &Path, place: &str, limit: u64) -> Result<Vec<u8>, Error> {
    open(path).and_then(|file| read_start(file, limit)).map_err(|error| {
        let message = format!("found {error} at {}, expected a file that can be read", path.display());
        Error::new(Code::FileUnreadable, place, message)
    })
}

/// Opens a regular file with a name. Opening a named pipe would wait for a writer, so it is told not to wait.
fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    let file = options.read(true).open(path)?;
    match file.metadata()?.is_file() && !nameless(path) {
        true => Ok(file),
        false => Err(io::Error::other("no regular file with a name")),
    }
}

fn read_start(file: File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `PATH/.npz` is what a folder's path would lead to: a NAME is not empty.
fn nameless(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == ".npz" || name == "_config.json")
}

/// R2.
pub(crate) fn check_sizes(npz: &[u8], config: &[u8]) -> Result<(), Error> {
    for (place, bytes, limit) in [("config", config, MAX_CONFIG), ("npz", npz, MAX_NPZ)] {
        if bytes.len() as u64 > limit {
            let message = format!("found more than {limit} bytes, expected at most that many");
            return Err(Error::new(Code::FileSize, place, message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// What `read_settled` returns, and how often it read, where the readings before `whole` have the error `code`.
    fn settled(name: &str, code: Code, whole: u32) -> (Result<Vec<u8>, Error>, u32) {
        let folder = std::env::temp_dir().join(format!("plmhead-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let pair = Pair::of(folder.join("model"));
        for path in [&pair.npz, &pair.config] {
            std::fs::write(path, "1").expect("a file");
        }
        let reads = Cell::new(0);
        let result = pair.read_settled(|npz, _| {
            reads.set(reads.get() + 1);
            std::fs::write(&pair.npz, (reads.get() + 1).to_string()).expect("a file");
            if reads.get() == whole { Ok(npz.to_vec()) } else { Err(Error::new(code, "/npz_sha256", "")) }
        });
        std::fs::remove_dir_all(&folder).expect("the folder");
        (result, reads.get())
    }

    #[test]
    fn a_torn_pair_is_read_again_three_times() {
        for whole in 1..=4 {
            let (result, reads) = settled("whole", Code::NpzDigest, whole);
            assert_eq!((result.expect("whole"), reads), (whole.to_string().into_bytes(), whole));
        }
        let (result, reads) = settled("torn", Code::NpzDigest, 5);
        assert_eq!((result.expect_err("torn").code(), reads), (Code::NpzDigest, 4));
    }

    #[test]
    fn no_other_error_is_read_again() {
        let (result, reads) = settled("other", Code::ConfigDigest, 2);
        assert_eq!((result.expect_err("refused").code(), reads), (Code::ConfigDigest, 1));
    }
}
