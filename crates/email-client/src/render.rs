use std::sync::LazyLock;

use minijinja::{
    Environment, UndefinedBehavior, context,
    syntax::SyntaxConfig,
    value::{Serde, Value},
};
use primitives::visible;
use serde::Serialize;

use crate::{Brand, Name};

macro_rules! templates {
    ($($name:literal)*) => {
        &[$(
            (concat!($name, ".html"), include_str!(concat!("templates/", $name, ".html"))),
            (concat!($name, ".txt"), include_str!(concat!("templates/", $name, ".txt"))),
        )*]
    };
}

const TEMPLATES: &[(&str, &str)] = templates! { "layout" "magic-link" "mail-code" "password-reset" "event" };

/// HTML escaping is on for every template whose name ends in `.html`.
#[expect(
    clippy::expect_used,
    reason = "the templates are part of the program and every one of them is rendered in a test"
)]
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters"));
    environment.add_filter("money", money);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).expect("a template that parses");
    }
    environment
});

/// The mail as HTML and as text.
#[expect(
    clippy::expect_used,
    reason = "the templates are part of the program and every one of them is rendered in a test"
)]
pub(crate) fn both(name: &str, subject: &str, mail: &impl Serialize, brand: &Brand) -> (String, String) {
    let part = |ending: &str| {
        let template = ENVIRONMENT.get_template(&format!("{name}.{ending}")).expect("a template");
        template
            .render(context! { subject, mail => Serde(mail), ..Value::from(Serde(brand)) })
            .expect("a template that fits its mail")
    };
    (part("html"), part("txt"))
}

/// One line of plain text. What is put into it is no template, and is escaped where it is put into HTML.
pub(crate) fn text(
    template: &str,
    organization: Option<&Name>,
    data: &serde_json::Value,
    brand: &Brand,
) -> Result<String, minijinja::Error> {
    let known = context! { product => brand.product(), data => Serde(data) };
    let known = match organization {
        Some(organization) => context! { organization => organization.as_str(), ..known },
        None => known,
    };
    Ok(visible(&ENVIRONMENT.render_str(template, known)?))
}

/// An amount in the currency's smallest unit, for people to read. Which currencies have how many digits is
/// Stripe's rule: <https://docs.stripe.com/currencies#zero-decimal>.
#[expect(clippy::needless_pass_by_value, reason = "a filter is given values")]
fn money(amount: i64, currency: String) -> String {
    const WITHOUT_DIGITS: &[&str] = &[
        "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof",
        "xpf",
    ];
    const THREE_DIGITS: &[&str] = &["bhd", "jod", "kwd", "omr", "tnd"];
    let code = currency.to_uppercase();
    if WITHOUT_DIGITS.contains(&currency.as_str()) {
        return format!("{amount} {code}");
    }
    let (unit, digits) = if THREE_DIGITS.contains(&currency.as_str()) { (1000, 3) } else { (100, 2) };
    let sign = if amount < 0 { "-" } else { "" };
    let amount = amount.unsigned_abs();
    format!("{sign}{}.{:0digits$} {code}", amount / unit, amount % unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_their_currency_is() {
        assert_eq!(money(4900, "eur".to_owned()), "49.00 EUR");
        assert_eq!(money(5, "usd".to_owned()), "0.05 USD");
        assert_eq!(money(-150, "usd".to_owned()), "-1.50 USD");
        assert_eq!(money(4900, "jpy".to_owned()), "4900 JPY");
        assert_eq!(money(4900, "kwd".to_owned()), "4.900 KWD");
    }
}
