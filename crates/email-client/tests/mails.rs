//! What the mails say and look like, and what hostile names do to them.
#![expect(clippy::unwrap_used, reason = "tests")]

use email_client::{
    Brand, InvoiceOverdue, MagicLink, Mail, Name, PaymentFailed, Rendered, SubscriptionActivated,
    SubscriptionCanceled, TrialEnded, TrialEnding, Welcome,
};

fn every_mail(organization: &str) -> Vec<(&'static str, Rendered)> {
    branded(organization, &Brand::new("Gantry", "#1d4ed8".parse().unwrap()))
}

fn branded(organization: &str, brand: &Brand) -> Vec<(&'static str, Rendered)> {
    fn named<M: Mail>(mail: &M, brand: &Brand) -> (&'static str, Rendered) {
        (M::TEMPLATE, mail.render(brand))
    }
    let organization = Name::new(organization);
    let link = "https://app.example.com/settings/billing".to_owned();
    let amount = "49.00 EUR".to_owned();
    let link_and_code = MagicLink {
        link: "https://app.example.com/auth/verify#token=aaa&from=mail".to_owned(),
        code: "042137".to_owned(),
        minutes: 15,
    };
    let welcome = Welcome { organization: organization.clone(), link: "https://app.example.com".to_owned() };
    let failed =
        PaymentFailed { organization: organization.clone(), amount: amount.clone(), link: link.clone() };
    let overdue = InvoiceOverdue { organization: organization.clone(), amount, link: link.clone() };
    let ending = TrialEnding { organization: organization.clone(), days_left: 3, link: link.clone() };
    vec![
        named(&link_and_code, brand),
        named(&welcome, brand),
        named(&ending, brand),
        named(&TrialEnded { organization: organization.clone(), link: link.clone() }, brand),
        named(&failed, brand),
        named(&overdue, brand),
        named(&SubscriptionActivated { organization: organization.clone(), link: link.clone() }, brand),
        named(&SubscriptionCanceled { organization, link }, brand),
    ]
}

#[test]
fn a_mail_shows_the_brand_that_it_is_given_and_no_other() {
    let brand = Brand::new("Köln & Söhne", "#0f766e".parse().unwrap());
    for (name, mail) in branded("Acme", &brand) {
        assert!(mail.text.contains("Köln & Söhne") && mail.html.contains("Köln &amp; Söhne"), "{name}");
        for text in [&mail.subject, &mail.text, &mail.html] {
            assert!(!text.contains("Gantry") && !text.contains("#1d4ed8"), "{name}: {text}");
        }
        assert!(mail.html.contains("background-color:#0f766e"), "{name}: the button");
    }
}

#[test]
fn mails_read_as_before() {
    for (name, mail) in every_mail("Acme") {
        insta::assert_snapshot!(format!("{name}.txt"), format!("Subject: {}\n\n{}", mail.subject, mail.text));
        insta::assert_snapshot!(format!("{name}.html"), mail.html);
    }
}

#[test]
fn html_and_text_hold_the_same_link_and_code() {
    let (_, mail) = every_mail("Acme").swap_remove(0);
    assert!(mail.text.contains("https://app.example.com/auth/verify#token=aaa&from=mail"));
    assert!(mail.html.contains("token=aaa&amp;from=mail\""));
    assert!(mail.text.contains("042137") && mail.html.contains("042137"));
    assert!(!mail.subject.contains("042137"), "subjects are shown on lock screens");
}

#[test]
fn a_hostile_name_is_shown_and_does_nothing() {
    let hostile = "<script>alert(1)</script>\"'&\r\nBcc: eve@example.com";
    for (name, mail) in every_mail(hostile) {
        assert!(!mail.subject.contains(['\r', '\n']), "{name}: a subject is one line");
        assert!(!mail.html.contains("<script"), "{name}: markup is escaped");
        assert!(
            !mail.text.contains("\nBcc:") && !mail.text.contains('\r'),
            "{name}: a name stays in its line"
        );
        if name != "magic-link" {
            assert!(
                mail.html.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;&quot;&#x27;&amp; Bcc"),
                "{name}"
            );
        }
    }
}

#[test]
fn a_name_is_no_template() {
    for (name, mail) in every_mail("{{ 137 * 7 }}").into_iter().skip(1) {
        assert!(mail.text.contains("{{ 137 * 7 }}") && mail.html.contains("{{ 137 * 7 }}"), "{name}");
    }
}

#[test]
fn days_are_named_as_people_do() {
    let subject = |days_left| {
        TrialEnding { organization: Name::new("Acme"), days_left, link: String::new() }.subject("Gantry")
    };
    assert_eq!(subject(7), "The trial of Acme ends in 7 days");
    assert_eq!(subject(1), "The trial of Acme ends tomorrow");
    assert_eq!(subject(0), "The trial of Acme ends today");
}

#[test]
fn a_magic_link_is_never_printed() {
    let mail = MagicLink { link: "https://secret".to_owned(), code: "042137".to_owned(), minutes: 15 };
    assert_eq!(format!("{mail:?}"), "MagicLink { minutes: 15, .. }");
}

#[test]
fn every_mail_is_small_enough_to_be_shown_whole() {
    // Gmail cuts messages of more than about 102 KB.
    assert!(every_mail("Acme").iter().all(|(_, mail)| mail.html.len() < 20_000));
    assert_eq!(
        every_mail("Acme").iter().map(|(name, _)| name).collect::<std::collections::HashSet<_>>().len(),
        8
    );
    let text = every_mail("Acme").into_iter().next().unwrap().1.text;
    assert!(text.lines().next().unwrap().starts_with("Sign in"));
}

/// The colours that texts have, and what lies behind them: in the light scheme, then in the dark one.
#[test]
fn texts_can_be_read_in_both_schemes() {
    let mails = every_mail("Acme");
    let has = |colour: &str| mails.iter().any(|(_, mail)| mail.html.contains(colour));
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
    for (name, mail) in &mails {
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
