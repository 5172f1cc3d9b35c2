use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use primitives::{SignedDuration, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use table::{Cause, Item, Key};

use crate::keys;

/// What somebody signs in on, as far as people tell devices apart: the program and the system that the
/// `User-Agent` names, and the country that the CDN saw the request come from. Nothing finer is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Such as `Firefox on Linux`. Without the version, which changes every month.
    pub name: String,
    /// Two letters of ISO 3166, where a CDN stands before us that says so.
    pub country: Option<String>,
}

/// Programs, by what stands in their `User-Agent`: those that pretend to be others before these.
const PROGRAMS: [(&str, &str); 10] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("MSIE", "Internet Explorer"),
];

const SYSTEMS: [(&str, &str); 8] = [
    ("Windows", "Windows"),
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Darwin", "macOS"),
    ("Linux", "Linux"),
];

/// How much of the name of a program is kept that nobody knows.
const LONGEST_PROGRAM: usize = 40;

impl Device {
    /// The device that a request was sent from.
    pub fn of(cause: &Cause) -> Self {
        Self { name: name(cause.user_agent.as_deref().unwrap_or_default()), country: cause.country.clone() }
    }

    fn hash(&self) -> String {
        let country = self.country.as_deref().unwrap_or_default();
        let text = format!("{country} {}", self.name);
        URL_SAFE_NO_PAD.encode(&digest(&SHA256, text.as_bytes()).as_ref()[..16])
    }
}

/// Made of our own words, but for the first word of a program that is none of the known ones.
fn name(agent: &str) -> String {
    let find = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| (*name).to_owned())
    };
    let own = || {
        let word = agent.split(['/', ' ']).next().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let word: String = word.chars().filter(|c| plain(*c)).take(LONGEST_PROGRAM).collect();
        (!word.is_empty() && word != "Mozilla").then_some(word)
    };
    let is_browser = agent.starts_with("Mozilla/");
    let program = if is_browser { find(&PROGRAMS).or_else(own) } else { own() };
    match (program, find(&SYSTEMS)) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(program), None) => program,
        (None, Some(system)) => format!("A program on {system}"),
        (None, None) => "An unknown program".to_owned(),
    }
}

/// That a person signed in on a device lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownDevice {
    user_id: UserId,
    hash: String,
    seen_at: Timestamp,
    #[serde(default)]
    version: u64,
}

/// For how long a device is known on which somebody signed in: for as long as a session may last, three times
/// over.
const DEVICES_ARE_KNOWN: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What is known of a device is written down again after so long.
const WRITTEN_AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(24);

impl Item for KnownDevice {
    fn key(&self) -> Key {
        keys::KnownDevice::key(self.user_id, self.hash.clone())
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.seen_at + DEVICES_ARE_KNOWN)
    }
}

impl KnownDevice {
    /// Where it is written down that the person knows this device.
    pub fn key_of(user_id: UserId, device: &Device) -> Key {
        keys::KnownDevice::key(user_id, device.hash())
    }

    /// That the person signed in on this device, for the first time.
    pub fn new(user_id: UserId, device: &Device, now: Timestamp) -> Self {
        Self { user_id, hash: device.hash(), seen_at: now, version: 0 }
    }

    /// Whether the person still knows it.
    pub fn is_known(&self, now: Timestamp) -> bool {
        now < self.seen_at + DEVICES_ARE_KNOWN
    }

    /// The same seen now, where that is worth writing down.
    pub fn seen(&self, now: Timestamp) -> Option<Self> {
        let is_old = now.duration_since(self.seen_at) >= WRITTEN_AGAIN_AFTER;
        is_old.then(|| Self { seen_at: now, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_called_as_people_call_it() {
        for (agent, called) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
                "Chrome on Windows",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
                "Safari on macOS",
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/131.0 Mobile/15E148 Safari/604.1",
                "Chrome on iPhone",
            ),
            ("Acme/2.4.1 (iPhone; iOS 18.1)", "Acme on iPhone"),
            ("curl/8.5.0", "curl"),
            ("okhttp/4.12.0", "okhttp"),
            ("Mozilla/5.0 (X11; Linux x86_64)", "A program on Linux"),
            ("", "An unknown program"),
        ] {
            assert_eq!(name(agent), called, "{agent}");
        }
        let next = |version: &str| {
            name(&format!("Mozilla/5.0 (X11; Linux x86_64; rv:{version}) Gecko/20100101 Firefox/{version}"))
        };
        assert_eq!(next("132.0"), next("133.0"), "an update is no new device");
    }

    #[test]
    fn nothing_hostile_gets_into_a_name() {
        for agent in [
            "<script>alert(1)</script>",
            "{{ 7 * 7 }}",
            "https://evil.example/x",
            "a\r\nBcc: b",
            "\u{202e}evil",
        ] {
            let called = name(agent);
            assert!(called.bytes().all(|b| b.is_ascii_alphanumeric() || b"._- ".contains(&b)), "{called}");
        }
        assert!(name(&"x".repeat(5_000)).len() <= LONGEST_PROGRAM);
    }

    #[test]
    fn the_same_program_in_another_country_is_another_device() {
        let device = |country: Option<&str>| Device {
            name: "Firefox on Linux".to_owned(),
            country: country.map(str::to_owned),
        };
        let hashes = [None, Some("DE"), Some("FR")].map(|country| device(country).hash());
        assert_ne!(hashes[0], hashes[1]);
        assert_ne!(hashes[1], hashes[2]);
        assert_eq!(device(Some("DE")).hash(), hashes[1]);
    }

    #[test]
    fn a_device_is_known_for_ninety_days_after_the_last_time() {
        let (user, device) =
            (primitives::Ids::unguessable(), Device { name: "curl".to_owned(), country: None });
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let known = KnownDevice::new(user, &device, now);
        assert!(known.is_known(now + DEVICES_ARE_KNOWN - SignedDuration::from_secs(1)));
        assert!(!known.is_known(now + DEVICES_ARE_KNOWN));
        assert_eq!(known.seen(now + SignedDuration::from_hours(23)), None, "once a day is enough");
        let again = known.seen(now + SignedDuration::from_hours(24)).unwrap();
        assert!(again.is_known(now + DEVICES_ARE_KNOWN));
    }
}
