//! Which network addresses a webhook may be sent to.
//!
//! An address counts as what it leads to: `::ffff:127.0.0.1`, `64:ff9b::7f00:1` (NAT64) and `2002:7f00:1::` (6to4) are all
//! loopback. Written forms (`0x7f.1`, `2130706433`) need no care here: the URL parser reads them as the addresses that they
//! are, and names are judged by what they resolve to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is, by IANA's special-purpose registries (RFC 6890 and what has been added since).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    /// Reachable from everywhere.
    Public,
    /// This machine.
    Loopback,
    /// A local network: RFC 1918, unique local (RFC 4193) and the former site-local addresses.
    Private,
    /// A carrier's network (RFC 6598).
    Shared,
    /// The link itself (RFC 3927). Clouds keep their metadata services here.
    LinkLocal,
    /// A cloud's metadata service at an address outside the link-local range.
    Metadata,
    /// One to many.
    Multicast,
    /// No address, or one that no host has: unspecified, documentation, benchmarks, reserved.
    Reserved,
}

impl AddressClass {
    /// What the address is.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// Whether `allow_private` lets it through. A webhook has no business at the others: at best nobody is there, at worst
    /// a metadata service.
    #[must_use]
    pub const fn can_be_allowed(self) -> bool {
        matches!(self, Self::Public | Self::Loopback | Self::Private | Self::Shared)
    }

    /// The class in words, with its article.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Loopback => "a loopback address",
            Self::Private => "an address of a private network",
            Self::Shared => "an address of a carrier's network",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the address of a cloud's metadata service",
            Self::Multicast => "a multicast address",
            Self::Reserved => "a reserved address",
        }
    }
}

fn of_v4(address: Ipv4Addr) -> AddressClass {
    match address.octets() {
        [127, ..] => AddressClass::Loopback,
        [10, ..] | [192, 168, ..] => AddressClass::Private,
        [172, second, ..] if second & 0xF0 == 16 => AddressClass::Private,
        [100, 100, 100, 200] => AddressClass::Metadata, // Alibaba Cloud
        [100, second, ..] if second & 0xC0 == 64 => AddressClass::Shared,
        [169, 254, ..] => AddressClass::LinkLocal,
        [first, ..] if first & 0xF0 == 224 => AddressClass::Multicast,
        // "This network"; protocol assignments; documentation; AS112 and relays; benchmarks; the former class E with
        // the limited broadcast.
        [0, ..]
        | [192, 0, 0 | 2, _]
        | [192, 31, 196, _]
        | [192, 52, 193, _]
        | [192, 88, 99, _]
        | [192, 175, 48, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [240..=255, ..] => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

fn of_v6(address: Ipv6Addr) -> AddressClass {
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        of_v4(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Reserved,
        // Mapped (RFC 4291), translated (RFC 2765), and the former IPv4-compatible form.
        [0, 0, 0, 0, 0, 0xFFFF, high, low] | [0, 0, 0, 0, 0xFFFF, 0, high, low] | [0, 0, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        // NAT64 (RFC 6052), and 6to4 (RFC 3056).
        [0x64, 0xFF9B, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
        // A network's own NAT64 (RFC 8215): where it leads is the network's affair.
        [0x64, 0xFF9B, 1, ..] => AddressClass::Private,
        // Amazon's metadata service, and Amazon's time service beside it.
        [0xFD00, 0xEC2, 0, 0, 0, 0, 0, _] => AddressClass::Metadata,
        // Google's.
        [0xFD20, 0xCE, 0, 0, 0, 0, 0, 0x254] => AddressClass::Metadata,
        [first, ..] if first & 0xFE00 == 0xFC00 || first & 0xFFC0 == 0xFEC0 => AddressClass::Private,
        [first, ..] if first & 0xFFC0 == 0xFE80 => AddressClass::LinkLocal,
        [first, ..] if first & 0xFF00 == 0xFF00 => AddressClass::Multicast,
        // Protocol assignments with Teredo; documentation.
        [0x2001, 0..0x200 | 0xDB8, ..] => AddressClass::Reserved,
        [0x3FFF, second, ..] if second & 0xF000 == 0 => AddressClass::Reserved,
        // Global unicast is 2000::/3; everything else is not assigned to anybody.
        [first, ..] if first & 0xE000 == 0x2000 => AddressClass::Public,
        _ => AddressClass::Reserved,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_count_as_what_they_lead_to() {
        let check = |address: &str, expected: AddressClass| {
            assert_eq!(AddressClass::of(address.parse().unwrap()), expected, "{address}");
        };
        use AddressClass::*;
        for address in ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "192.0.1.1", "223.255.255.1"]
        {
            check(address, Public);
            check(&format!("::ffff:{address}"), Public);
            check(&format!("64:ff9b::{address}"), Public);
        }
        for (address, class) in [
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("10.0.0.1", Private),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("192.168.1.1", Private),
            ("100.64.0.1", Shared),
            ("100.127.255.255", Shared),
            ("100.100.100.200", Metadata),
            ("169.254.0.1", LinkLocal),
            ("169.254.169.254", LinkLocal),
            ("224.0.0.1", Multicast),
            ("239.255.255.255", Multicast),
            ("0.0.0.0", Reserved),
            ("0.1.2.3", Reserved),
            ("192.0.0.192", Reserved),
            ("192.0.2.1", Reserved),
            ("198.18.0.1", Reserved),
            ("198.51.100.1", Reserved),
            ("203.0.113.1", Reserved),
            ("240.0.0.1", Reserved),
            ("255.255.255.255", Reserved),
        ] {
            check(address, class);
            check(&format!("::ffff:{address}"), class);
            check(&format!("::ffff:0:{address}"), class);
            check(&format!("64:ff9b::{address}"), class);
            let octets = address.parse::<Ipv4Addr>().unwrap().octets();
            let [a, b, c, d] = octets;
            check(&format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1"), class);
        }
        for (address, class) in [
            ("::", Reserved),
            ("::1", Loopback),
            ("::7f00:1", Loopback),
            ("64:ff9b:1::1", Private),
            ("fc00::1", Private),
            ("fdff::1", Private),
            ("fec0::1", Private),
            ("fd00:ec2::254", Metadata),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("ff02::1", Multicast),
            ("2001::1", Reserved),
            ("2001:1ff::1", Reserved),
            ("2001:200::1", Public),
            ("2001:db8::1", Reserved),
            ("3fff:fff::1", Reserved),
            ("3fff:1000::1", Public),
            ("100::1", Reserved),
            ("5f00::1", Reserved),
            ("2606:4700::1111", Public),
        ] {
            check(address, class);
        }
    }
}
