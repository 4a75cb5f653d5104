//! Countries of addresses, from a file of the user in MaxMind's format.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use maxminddb::{Reader, geoip2};

/// A file with the countries of addresses.
pub struct Countries(Reader<Vec<u8>>);

impl std::fmt::Debug for Countries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Countries")
            .field(&self.0.metadata().database_type)
            .finish()
    }
}

impl Countries {
    /// Reads a file: GeoLite2 or GeoIP2, Country or City, or any with `country.iso_code`.
    ///
    /// # Errors
    ///
    /// The I/O error, or the error in the file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let reader = Reader::from_source(fs::read(path)?).map_err(io::Error::other)?;
        Ok(Self(reader))
    }

    /// Returns the country of each address that has one, as its ISO 3166-1 code.
    pub(super) fn of_all<'a>(
        &self,
        addresses: impl Iterator<Item = &'a str>,
    ) -> BTreeMap<String, String> {
        let addresses: BTreeSet<&str> = addresses.collect();
        let known = addresses.into_iter().filter_map(|address| {
            let country = self.of(address.parse().ok()?)?;
            Some((address.to_owned(), country))
        });
        known.collect()
    }

    fn of(&self, address: IpAddr) -> Option<String> {
        // If the file has no valid data for an address, its country is unknown; a case does not fail because of this.
        let found = self.0.lookup(address).ok()?;
        let record: geoip2::Country<'_> = found.decode().ok()??;
        record.country.iso_code.map(str::to_owned)
    }
}
