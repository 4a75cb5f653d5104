//! Addresses, as the log writes them.

use std::net::IpAddr;

/// Returns the IP address that a text is, in one form for all spellings; nothing for the name of a service.
pub(super) fn ip(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.parse().ok()?;
    Some(address.to_canonical())
}
