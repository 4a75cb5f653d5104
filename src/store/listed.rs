//! What a listing consists of: objects and their metadata, and how the folders of a bucket are listed.

use std::io;

/// The metadata of an object, as the store reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectMeta {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// An identifier that changes whenever the object does.
    pub e_tag: Option<String>,
    /// When it was last written, in microseconds since 1970.
    pub modified: i64,
}

impl ObjectMeta {
    /// Returns what distinguishes this version of the object from others: its `ETag`, in 16 bytes if it is a
    /// hash as S3 makes it, or the time at which it was written if there is no `ETag`.
    #[must_use]
    pub fn version(&self) -> Vec<u8> {
        match &self.e_tag {
            Some(e_tag) => {
                let hash = e_tag.trim_matches('"');
                match u128::from_str_radix(hash, 16) {
                    Ok(hash_bits) if hash.len() == 32 => hash_bits.to_be_bytes().to_vec(),
                    _ => hash.as_bytes().to_vec(),
                }
            }
            None => self.modified.to_le_bytes().to_vec(),
        }
    }
}

/// The way in which the content below a prefix is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// Not at all: nothing there is selected.
    Nothing,
    /// Folder by folder.
    Folders,
    /// In one sequence of pages.
    All,
}

/// Decides how a prefix that ends in a slash is listed, given how many folders it is below the first.
pub type Survey = dyn Fn(&str, usize) -> Below + Send + Sync;

/// An item that a walk finds.
#[derive(Debug)]
pub enum WalkItem {
    /// Objects.
    Objects(Vec<ObjectMeta>),
    /// A folder that contains nothing selected.
    PassedOver,
    /// A prefix that could not be listed, or not completely.
    Failed(String, io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_16_bytes_where_the_e_tag_is_a_hash_and_else_the_text() {
        let version = |e_tag: Option<&str>| {
            let meta = ObjectMeta {
                key: String::new(),
                size: 1,
                e_tag: e_tag.map(str::to_owned),
                modified: 1,
            };
            meta.version()
        };
        let hash = version(Some("\"d41d8cd98f00b204e9800998ecf8427e\""));
        assert_eq!((hash.len(), hash[0], hash[15]), (16, 0xd4, 0x7e));
        let of_parts = "d41d8cd98f00b204e9800998ecf8427e-2";
        assert_eq!(version(Some(of_parts)), of_parts.as_bytes());
        assert_eq!(version(Some("+41d8cd98f00b204e9800998ecf8427e")).len(), 16);
        assert_eq!(version(None), 1_i64.to_le_bytes());
    }
}
