use std::sync::LazyLock;

use minijinja::{
    Environment, UndefinedBehavior, context,
    syntax::SyntaxConfig,
    value::{Serde, Value},
};

use crate::{Brand, Mail};

/// A mail as it is sent: the same words twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// For programs that show HTML.
    pub html: String,
    /// For all others.
    pub text: String,
}

macro_rules! templates {
    ($($name:literal)*) => {
        &[$(
            (concat!($name, ".html"), include_str!(concat!("templates/", $name, ".html"))),
            (concat!($name, ".txt"), include_str!(concat!("templates/", $name, ".txt"))),
        )*]
    };
}

const TEMPLATES: &[(&str, &str)] = templates! {
    "layout" "magic-link" "welcome" "trial-ending" "trial-ended" "payment-failed" "invoice-overdue"
    "subscription-activated" "subscription-canceled"
};

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
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).expect("a template that parses");
    }
    environment
});

#[expect(
    clippy::expect_used,
    reason = "the templates are part of the program and every one of them is rendered in a test"
)]
pub(crate) fn render<M: Mail>(mail: &M, brand: &Brand) -> Rendered {
    let subject = mail.subject(brand.product());
    let part = |ending: &str| {
        let template = ENVIRONMENT.get_template(&format!("{}.{ending}", M::TEMPLATE)).expect("a template");
        template
            .render(
                context! { subject => subject.as_str(), mail => Serde(mail), ..Value::from(Serde(brand)) },
            )
            .expect("a template that fits its mail")
    };
    Rendered { html: part("html"), text: part("txt"), subject }
}
