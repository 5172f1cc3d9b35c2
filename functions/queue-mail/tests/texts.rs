//! What the mails say and look like, and what hostile names do to them.
#![expect(clippy::unwrap_used, reason = "tests")]

use email_client::{Brand, MagicLink, Mail, MailCode, Name};
use events::{Audience, Told};
use serde_json::{Value, json};

fn every_mail(organization: &str) -> Vec<Mail> {
    branded(organization, &Brand::new("Gantry", "#1d4ed8".parse().unwrap()))
}

/// The mail about an event with this data, where people are told by mail.
fn about(told: &Told, data: &Value, organization: &str, brand: &Brand) -> Option<Mail> {
    let (text, organization) = (told.mail.as_ref()?, Name::new(organization));
    let organization = is_of_one(told.to).then_some(&organization);
    Some(
        email_client::about(told, text, organization, data, ("https://app.example.com", None), brand)
            .unwrap(),
    )
}

fn told() -> impl Iterator<Item = &'static Told> {
    queue_mail::TOLD.iter().copied().flatten()
}

fn branded(organization: &str, brand: &Brand) -> Vec<Mail> {
    let link = MagicLink {
        link: "https://app.example.com/auth/verify#token=aaa&from=mail".to_owned(),
        code: "042137".to_owned(),
        minutes: 15,
    };
    let mails = told().filter_map(|told| about(told, &(told.event.example)(), organization, brand));
    let code = MailCode { code: "314159".to_owned(), minutes: 15 };
    [link.mail(brand), code.mail(brand)].into_iter().chain(mails).collect()
}

#[test]
fn a_mail_shows_the_brand_that_it_is_given_and_no_other() {
    let brand = Brand::new("Köln & Söhne", "#0f766e".parse().unwrap());
    for mail in branded("Acme", &brand) {
        let name = &mail.name;
        assert!(mail.text.contains("Köln & Söhne") && mail.html.contains("Köln &amp; Söhne"), "{name}");
        for text in [&mail.subject, &mail.text, &mail.html] {
            assert!(!text.contains("Gantry") && !text.contains("#1d4ed8"), "{name}: {text}");
        }
        let has_button = name != "mail-code";
        assert_eq!(mail.html.contains("background-color:#0f766e"), has_button, "{name}: the button");
    }
}

#[test]
fn mails_read_as_before() {
    for mail in every_mail("Acme") {
        let name = &mail.name;
        insta::assert_snapshot!(format!("{name}.txt"), format!("Subject: {}\n\n{}", mail.subject, mail.text));
        insta::assert_snapshot!(format!("{name}.html"), mail.html);
    }
}

#[test]
fn html_and_text_hold_the_same_link_and_code() {
    let mail = every_mail("Acme").swap_remove(0);
    assert!(mail.text.contains("https://app.example.com/auth/verify#token=aaa&from=mail"));
    assert!(mail.html.contains("token=aaa&amp;from=mail\""));
    assert!(mail.text.contains("042137") && mail.html.contains("042137"));
    assert!(!mail.subject.contains("042137"), "subjects are shown on lock screens");
}

#[test]
fn a_hostile_name_is_shown_and_does_nothing() {
    let hostile = "<script>alert(1)</script>\"'&\r\nBcc: eve@example.com";
    for mail in every_mail(hostile) {
        let name = &mail.name;
        assert!(!mail.subject.contains(['\r', '\n']), "{name}: a subject is one line");
        assert!(!mail.html.contains("<script"), "{name}: markup is escaped");
        assert!(
            !mail.text.contains("\nBcc:") && !mail.text.contains('\r'),
            "{name}: a name stays in its line"
        );
        if is_of_an_organization(name) {
            assert!(
                mail.html.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;&quot;&#x27;&amp; Bcc"),
                "{name}"
            );
        }
    }
}

fn is_of_one(audience: Audience) -> bool {
    matches!(
        audience,
        Audience::Owners | Audience::PersonAndOwners | Audience::Holding(_) | Audience::Invited
    )
}

/// Those about a person name no organization.
fn is_of_an_organization(name: &str) -> bool {
    told().any(|told| told.event.name.replace('.', "-") == name && is_of_one(told.to))
}

#[test]
fn a_name_is_no_template() {
    let mails = every_mail("{{ 137 * 7 }}").into_iter();
    for mail in mails.filter(|mail| is_of_an_organization(&mail.name)) {
        let name = &mail.name;
        assert!(mail.text.contains("{{ 137 * 7 }}") && mail.html.contains("{{ 137 * 7 }}"), "{name}");
    }
}

#[test]
fn days_are_named_as_people_do() {
    let ending = told().find(|told| told.event.name == "trial.ending").unwrap();
    let brand = Brand::new("Gantry", "#1d4ed8".parse().unwrap());
    let mut data = (ending.event.example)();
    let mut texts = |days_left: u8| {
        data["days_left"] = json!(days_left);
        let title = (ending.push.unwrap().title)(&data).into_owned();
        (about(ending, &data, "Acme", &brand).unwrap().subject, title)
    };
    let both = |subject: &str, title: &str| (subject.to_owned(), title.to_owned());
    assert_eq!(texts(7), both("The trial of Acme ends in 7 days", "Your trial ends in 7 days"));
    assert_eq!(texts(1), both("The trial of Acme ends tomorrow", "Your trial ends tomorrow"));
}

#[test]
fn data_without_what_the_mail_says_of_it_makes_no_mail() {
    let failed = told().find(|told| told.event.name == "invoice.payment_failed").unwrap();
    let (text, brand) = (failed.mail.unwrap(), Brand::new("Gantry", "#1d4ed8".parse().unwrap()));
    let mail = email_client::about(
        failed,
        &text,
        Some(&Name::new("Acme")),
        &json!({}),
        ("https://app", None),
        &brand,
    );
    assert_eq!(mail.unwrap_err().to_string(), "the mail about invoice.payment_failed cannot be written");
}

#[test]
fn a_magic_link_is_never_printed() {
    let link = MagicLink { link: "https://secret".to_owned(), code: "042137".to_owned(), minutes: 15 };
    assert_eq!(format!("{link:?}"), "MagicLink { minutes: 15, .. }");
    let mail = link.mail(&Brand::new("Gantry", "#1d4ed8".parse().unwrap()));
    assert_eq!(format!("{mail:?}"), "Mail { name: \"magic-link\", .. }");
}

#[test]
fn every_mail_is_small_enough_to_be_shown_whole() {
    // Gmail cuts messages of more than about 102 KB.
    assert!(every_mail("Acme").iter().all(|mail| mail.html.len() < 20_000));
    assert_eq!(
        every_mail("Acme").iter().map(|mail| &mail.name).collect::<std::collections::HashSet<_>>().len(),
        2 + told().filter(|told| told.mail.is_some()).count(),
        "each has a name of its own"
    );
    let text = every_mail("Acme").into_iter().next().unwrap().text;
    assert!(text.lines().next().unwrap().starts_with("Sign in"));
}

/// The colours that texts have, and what lies behind them: in the light scheme, then in the dark one.
#[test]
fn texts_can_be_read_in_both_schemes() {
    let mails = every_mail("Acme");
    let has = |colour: &str| mails.iter().any(|mail| mail.html.contains(colour));
    let (page, card, inset) = ("#f1f5f9", "#ffffff", "#f8fafc");
    let (dark_page, dark_card) = ("#0f172a", "#1e293b");
    for (text, ground) in [
        ("#0f172a", page),
        ("#0f172a", card),
        ("#0f172a", inset),
        ("#334155", card),
        ("#475569", card),
        ("#475569", page),
        ("#1d4ed8", card),
        ("#ffffff", "#1d4ed8"),
        ("#f8fafc", dark_page),
        ("#f8fafc", dark_card),
        ("#cbd5e1", dark_card),
        ("#a3b1c6", dark_card),
        ("#a3b1c6", dark_page),
        ("#93c5fd", dark_card),
    ] {
        assert!(has(text) && has(ground), "{text} on {ground} is no longer used");
        assert!(contrast(text, ground) >= 4.5, "{text} on {ground}: {:.2}", contrast(text, ground));
    }
    assert!(contrast("#64748b", page) < 4.5, "what the footer was");
    for mail in &mails {
        let name = &mail.name;
        assert!(mail.html.contains("content=\"light dark\""), "{name}");
    }
}

/// <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>
fn contrast(one: &str, other: &str) -> f64 {
    let luminance = |colour: &str| {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}
