use std::collections::HashSet;

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};

/// So many members are named that are there twice.
const MOST: usize = 10;

/// Refuses a text in which an object, however deep, has two members of one name.
///
/// # Errors
/// When it has, or is not JSON.
pub fn refuse_duplicates(text: &[u8]) -> Result<(), serde_json::Error> {
    let Some(twice) = duplicates(text)?.into_iter().next() else { return Ok(()) };
    let shown: String = twice.chars().take(64).collect();
    Err(serde_json::Error::custom(format_args!("the member `{shown}` is there twice")))
}

/// Where an object, however deep, has two members of one name: the pointers (RFC 6901) to the first
/// ten such members.
///
/// # Errors
/// When the text is not JSON.
pub fn duplicates(text: &[u8]) -> Result<Vec<String>, serde_json::Error> {
    let (mut path, mut twice) = (String::new(), Vec::new());
    let mut json = serde_json::Deserializer::from_slice(text);
    Names { path: &mut path, twice: &mut twice }.deserialize(&mut json)?;
    json.end()?;
    Ok(twice)
}

/// The name of a member as a part of a pointer (RFC 6901, section 3).
pub fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Any JSON; only the names in it are of interest.
struct Names<'n> {
    /// Where we are.
    path: &'n mut String,
    twice: &'n mut Vec<String>,
}

impl Names<'_> {
    fn inside(&mut self) -> Names<'_> {
        Names { path: self.path, twice: self.twice }
    }
}

impl<'de> DeserializeSeed<'de> for Names<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Names<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let above = self.path.len();
        for index in 0_u64.. {
            self.path.push('/');
            self.path.push_str(&index.to_string());
            let item = items.next_element_seed(self.inside())?;
            self.path.truncate(above);
            if item.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let above = self.path.len();
        let mut seen = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            self.path.push('/');
            self.path.push_str(&escaped(&name));
            if !seen.insert(name) && self.twice.len() < MOST && !self.twice.contains(self.path) {
                self.twice.push(self.path.clone());
            }
            members.next_value_seed(self.inside())?;
            self.path.truncate(above);
        }
        Ok(())
    }
}
