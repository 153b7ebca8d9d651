//! The folder as programs see it: the newest bytes, whether they are durable or not.

use std::collections::{BTreeMap, HashMap};

use super::content::Content;
use crate::disk::Disk;
use crate::image::{Image, Tree};
use crate::record::{Call, Ino, MARKS, ROOT};

/// What the kernel is told instead of an answer: an errno.
pub(super) type Refused = i32;

pub(super) const ENOENT: Refused = 2;
pub(super) const EIO: Refused = 5;
pub(super) const ENXIO: Refused = 6;
pub(super) const EEXIST: Refused = 17;
pub(super) const ENOTDIR: Refused = 20;
pub(super) const EISDIR: Refused = 21;
pub(super) const EINVAL: Refused = 22;
pub(super) const ENOTEMPTY: Refused = 39;

pub(super) struct Node {
    pub(super) mode: u32,
    pub(super) body: Body,
}

pub(super) enum Body {
    File(Content),
    Folder(BTreeMap<String, Ino>),
}

pub(super) struct Live {
    pub(super) nodes: HashMap<Ino, Node>,
    pub(super) calls: Vec<Call>,
    pub(super) syncs_to_failure: Option<u64>,
    start: Image,
    marks: Option<Ino>,
    next: Ino,
}

impl Live {
    pub(super) fn new(image: &Image) -> Self {
        let root = Node { mode: 0o700, body: Body::Folder(BTreeMap::new()) };
        let mut live = Self {
            nodes: [(ROOT, root)].into(),
            calls: Vec::new(),
            syncs_to_failure: None,
            start: image.clone(),
            marks: None,
            next: ROOT + 1,
        };
        for entry in image.numbered() {
            let (mode, body) = match entry.tree {
                Tree::File(bytes) => (0o600, Body::File(Content::of(bytes))),
                Tree::Folder(_) => (0o700, Body::Folder(BTreeMap::new())),
            };
            live.nodes.insert(entry.ino, Node { mode, body });
            live.next = entry.ino + 1;
            if let Ok(names) = live.folder(entry.dir) {
                names.insert(entry.name.to_owned(), entry.ino);
            }
        }
        live
    }

    pub(super) fn image(&self) -> Image {
        Image(self.entries(ROOT))
    }

    fn entries(&self, dir: Ino) -> BTreeMap<String, Tree> {
        let Some(Node { body: Body::Folder(names), .. }) = self.nodes.get(&dir) else {
            return BTreeMap::new();
        };
        let tree = |ino: Ino| match &self.nodes[&ino].body {
            Body::File(content) => Tree::File(content.bytes.clone()),
            Body::Folder(_) => Tree::Folder(self.entries(ino)),
        };
        let names = names.iter().filter(|(_, ino)| Some(**ino) != self.marks);
        names.map(|(name, ino)| (name.clone(), tree(*ino))).collect()
    }

    pub(super) fn node(&self, ino: Ino) -> Result<&Node, Refused> {
        self.nodes.get(&ino).ok_or(ENOENT)
    }

    pub(super) fn file(&mut self, ino: Ino) -> Result<&mut Content, Refused> {
        match &mut self.nodes.get_mut(&ino).ok_or(ENOENT)?.body {
            Body::File(content) => Ok(content),
            Body::Folder(_) => Err(EISDIR),
        }
    }

    pub(super) fn folder(&mut self, ino: Ino) -> Result<&mut BTreeMap<String, Ino>, Refused> {
        match &mut self.nodes.get_mut(&ino).ok_or(ENOENT)?.body {
            Body::Folder(names) => Ok(names),
            Body::File(_) => Err(ENOTDIR),
        }
    }

    pub(super) fn lookup(&mut self, dir: Ino, name: &str) -> Result<Ino, Refused> {
        self.folder(dir)?.get(name).copied().ok_or(ENOENT)
    }

    pub(super) fn create(&mut self, dir: Ino, name: &str, mode: u32, folder: bool) -> Result<Ino, Refused> {
        let ino = self.next;
        let names = self.folder(dir)?;
        if names.contains_key(name) {
            return Err(EEXIST);
        }
        names.insert(name.to_owned(), ino);
        self.next += 1;
        let body = if folder { Body::Folder(BTreeMap::new()) } else { Body::File(Content::default()) };
        self.nodes.insert(ino, Node { mode: mode & 0o7777, body });
        if dir == ROOT && name == MARKS {
            self.marks = Some(ino);
        } else {
            self.calls.push(Call::Create { dir, name: name.to_owned(), ino, folder });
        }
        Ok(ino)
    }

    pub(super) fn write(&mut self, ino: Ino, offset: u64, data: &[u8], through: bool) -> Result<(), Refused> {
        if self.marks == Some(ino) {
            let said = String::from_utf8_lossy(data);
            self.calls.extend(said.lines().map(|line| Call::Mark(line.to_owned())));
        }
        self.file(ino)?.write(offset, data)?;
        if self.marks == Some(ino) {
            return Ok(());
        }
        let good = !through || self.sync_is_good();
        self.calls.push(Call::Write { ino, offset, data: data.to_vec(), through: through && good });
        if good {
            return Ok(());
        }
        self.calls.push(Call::Sync { ino, done: false });
        self.lose(ino);
        Err(EIO)
    }

    pub(super) fn resize(&mut self, ino: Ino, size: u64) -> Result<(), Refused> {
        let length = usize::try_from(size).map_err(|_| EINVAL)?;
        self.file(ino)?.resize(length);
        self.note(ino, Call::Resize { ino, size });
        Ok(())
    }

    pub(super) fn punch(&mut self, ino: Ino, offset: u64, length: u64) -> Result<(), Refused> {
        self.file(ino)?.punch(offset, length);
        self.note(ino, Call::Punch { ino, offset, length });
        Ok(())
    }

    pub(super) fn remove(&mut self, dir: Ino, name: &str, folder: bool) -> Result<(), Refused> {
        let ino = self.lookup(dir, name)?;
        match &self.node(ino)?.body {
            Body::File(_) if folder => return Err(ENOTDIR),
            Body::Folder(_) if !folder => return Err(EISDIR),
            Body::Folder(names) if !names.is_empty() => return Err(ENOTEMPTY),
            _ => {}
        }
        self.folder(dir)?.remove(name);
        self.note(ino, Call::Remove { dir, name: name.to_owned() });
        Ok(())
    }

    pub(super) fn rename(
        &mut self,
        dir: Ino,
        name: &str,
        to_dir: Ino,
        to_name: &str,
        replace: bool,
    ) -> Result<(), Refused> {
        let ino = self.lookup(dir, name)?;
        match self.lookup(to_dir, to_name) {
            Ok(_) if !replace => return Err(EEXIST),
            Ok(there) => match &self.node(there)?.body {
                Body::Folder(names) if !names.is_empty() => return Err(ENOTEMPTY),
                _ => {}
            },
            Err(_) => {}
        }
        self.folder(dir)?.remove(name);
        self.folder(to_dir)?.insert(to_name.to_owned(), ino);
        let (name, to_name) = (name.to_owned(), to_name.to_owned());
        self.note(ino, Call::Rename { dir, name, to_dir, to_name });
        Ok(())
    }

    pub(super) fn sync(&mut self, ino: Ino) -> Result<(), Refused> {
        if self.marks == Some(ino) {
            return Ok(());
        }
        let done = self.sync_is_good();
        self.calls.push(Call::Sync { ino, done });
        if done {
            return Ok(());
        }
        self.lose(ino);
        Err(EIO)
    }

    /// After a failed sync: from here on the kernel's page cache alone has what did not reach the medium. Programs read it there until
    /// the cache lets go of it.
    fn lose(&mut self, ino: Ino) {
        let mut disk = Disk::new(&self.start, 0);
        self.calls.iter().for_each(|call| disk.apply(call));
        if let (Some(bytes), Ok(content)) = (disk.durable(ino), self.file(ino)) {
            *content = Content::of(bytes);
        }
    }

    fn sync_is_good(&mut self) -> bool {
        match &mut self.syncs_to_failure {
            None => true,
            Some(0) => {
                self.syncs_to_failure = None;
                false
            }
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    fn note(&mut self, ino: Ino, call: Call) {
        if self.marks != Some(ino) {
            self.calls.push(call);
        }
    }
}
