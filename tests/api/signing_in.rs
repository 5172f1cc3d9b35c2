//! Signing in while others try to get in, to keep somebody out, or simply sit behind the same address.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use system_tests::{answer::Answer, template::Template};

use crate::product::Product;

const ADA: &str = "ada@example.com";

impl Product {
    /// Sends from another network address: all of 127/8 is this machine.
    pub(crate) async fn post_from(&self, host: u8, path: &str, body: &Value) -> Answer {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, host));
        let client = Client::builder().local_address(address).build().unwrap();
        self.send(client.post(format!("{}{path}", self.cloud.api_url())).json(body)).await
    }

    async fn ask_from(&self, host: u8, email: &str) -> Answer {
        self.post_from(host, "/v1/auth/magic-links", &json!({ "email": email })).await
    }

    async fn verify_from(&self, host: u8, body: &Value) -> Answer {
        self.post_from(host, "/v1/auth/magic-links/verify", body).await
    }

    async fn guess_from(&self, host: u8, email: &str, code: &str) -> Answer {
        self.verify_from(host, &json!({ "email": email, "code": code })).await
    }
}

fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

fn count(answers: &[Answer], status: StatusCode) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_guesses_at_once_from_fifty_addresses_are_ten_and_the_link_works() {
    let product = Product::start().await;
    let asked = product.ask_from(1, ADA).await;
    product.settle().await;
    let (link, code) = product.proof(ADA).await;
    let answers = join_all((0..50).map(|host| product.guess_from(100 + host, ADA, wrong(&code)))).await;
    let refused = count(&answers, StatusCode::UNAUTHORIZED);
    assert_eq!((refused, count(&answers, StatusCode::TOO_MANY_REQUESTS)), (10, 40));
    assert_eq!(product.failures().await, (10, 1), "each is written down, and that it was enough");
    // codes rest, the right one too; and it is said what works
    let right = product.guess_from(1, ADA, &code).await;
    assert_eq!((right.status, right.problem()), (StatusCode::TOO_MANY_REQUESTS, "rate_limited"));
    assert!(right.text("/detail").contains("use the link in the mail"), "{right:?}");
    let wait: u64 = right.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&wait), "{wait}");
    assert!(right.headers["ratelimit-policy"].to_str().unwrap().contains("\"code-guess-day\";q=50;w=86400"));
    let body = json!({ "token": link, "browser_token": asked.text("/browser_token") });
    assert_eq!(product.verify_from(1, &body).await.status, StatusCode::OK);
    // an hour later codes work again, until there were fifty wrong ones in the day
    for _ in 0..4 {
        product.advance(SignedDuration::from_mins(61)).await;
        let answers = join_all((0..12).map(|host| product.guess_from(host + 1, ADA, wrong(&code)))).await;
        assert_eq!(count(&answers, StatusCode::UNAUTHORIZED), 10);
    }
    product.advance(SignedDuration::from_mins(61)).await;
    assert_eq!(product.guess_from(9, ADA, wrong(&code)).await.problem(), "rate_limited", "the day");
}

/// Who guesses at many addresses from one network is refused, and no more is written down of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_network_guesses_at_fifty_codes_in_an_hour_whosever_they_are() {
    let product = Product::start().await;
    for person in 0..50 {
        let guess = product.guess_from(7, &format!("person{person}@example.com"), "123456").await;
        assert_eq!(guess.status, StatusCode::UNAUTHORIZED, "{person}: {guess:?}");
    }
    for person in 50..53 {
        let guess = product.guess_from(7, &format!("person{person}@example.com"), "123456").await;
        assert_eq!(guess.problem(), "rate_limited");
    }
    assert_eq!(product.failures().await, (50, 0));
    assert_eq!(product.guess_from(8, ADA, "123456").await.problem(), "login_failed", "elsewhere");
}

/// Whoever made no wrong guess is never told to wait, however often the right one is sent at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_code_sent_many_times_at_once_is_one_session_and_no_guess() {
    let product = Product::start().await;
    let asked = product.ask_from(1, ADA).await;
    product.settle().await;
    let (_, code) = product.proof(ADA).await;
    let body = json!({ "email": ADA, "code": code, "browser_token": asked.text("/browser_token") });
    let answers = join_all((0..20).map(|_| product.verify_from(1, &body))).await;
    assert_eq!(count(&answers, StatusCode::OK), 20, "{answers:?}");
    let sessions: BTreeSet<_> = answers.iter().map(|answer| answer.text("/tokens/session_id")).collect();
    assert_eq!(sessions.len(), 1);
    for answer in &answers {
        let state = answer.headers["ratelimit"].to_str().unwrap();
        assert!(state.starts_with("\"code-guess\";r=10;t=0"), "{state}");
    }
}

/// The sum over all logins: asking again for a link gives no new guesses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_add_up_over_logins_and_right_codes_do_not_count() {
    let product = Product::start().await;
    for round in 0..3 {
        assert_eq!(product.ask_from(1 + round, ADA).await.status, StatusCode::ACCEPTED);
        product.settle().await;
        let (_, code) = product.proof(ADA).await;
        for _ in 0..3 {
            assert_eq!(product.guess_from(50 + round, ADA, wrong(&code)).await.problem(), "login_failed");
        }
        assert_eq!(product.guess_from(1, ADA, &code).await.status, StatusCode::OK);
        product.advance(SignedDuration::from_mins(2)).await;
    }
    assert_eq!(product.guess_from(60, ADA, "000000").await.problem(), "login_failed", "the tenth wrong one");
    assert_eq!(product.guess_from(61, ADA, "000000").await.problem(), "rate_limited");
    assert_eq!(product.guess_from(61, "bob@example.com", "000000").await.problem(), "login_failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_to_one_address_add_up_by_minute_hour_and_day() {
    let product = Product::start().await;
    let mut accepted = Vec::new();
    for pause in [2, 2, 60, 61, 61, 61] {
        let answers = join_all((0..50).map(|host| product.ask_from(1 + host, ADA))).await;
        accepted.push(count(&answers, StatusCode::ACCEPTED));
        product.advance(SignedDuration::from_mins(pause)).await;
    }
    // the minute, the minute, the hour; then an hour each
    assert_eq!(accepted, [5, 5, 0, 5, 5, 5], "fifty from fifty addresses, each time");
    for _ in 0..6 {
        product.advance(SignedDuration::from_mins(61)).await;
        product.ask_from(1, ADA).await;
    }
    product.advance(SignedDuration::from_mins(61)).await;
    let refused = product.ask_from(1, ADA).await;
    assert_eq!(
        (refused.status, refused.problem()),
        (StatusCode::TOO_MANY_REQUESTS, "rate_limited"),
        "the day"
    );
    assert_eq!(product.mails(ADA).await.len(), 30);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_asks_for_thirty_mails_a_minute_and_its_known_people_for_theirs() {
    let product = Product::start().await;
    product.sign_in(ADA).await;
    product.advance(SignedDuration::from_mins(2)).await;
    let people: Vec<_> = (0..50).map(|person| format!("person{person}@example.com")).collect();
    let asked = join_all(people.iter().map(|email| product.ask_from(1, email))).await;
    assert_eq!(count(&asked, StatusCode::ACCEPTED), 30);
    assert_eq!(product.ask_from(1, "new@example.com").await.problem(), "rate_limited");
    assert_eq!(product.ask_from(2, "new@example.com").await.status, StatusCode::ACCEPTED, "elsewhere");
    assert_eq!(product.ask_from(1, ADA).await.status, StatusCode::ACCEPTED, "who has signed in here before");
}

/// Strangers use up all that they can of an address: the owner gets a mail at the place where they were
/// before, and the code in the hand of the owner stays right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_keep_nobody_out() {
    let product = Product::start().await;
    product.sign_in(ADA).await;
    product.advance(SignedDuration::from_mins(2)).await;
    let asked = product.ask_from(1, ADA).await;
    product.settle().await;
    let (_, code) = product.proof(ADA).await;
    let strangers = join_all((0..50).map(|host| product.ask_from(100 + host, ADA))).await;
    assert_eq!(
        count(&strangers, StatusCode::ACCEPTED),
        5,
        "what the owner asked for is not theirs to use up"
    );
    let body = json!({ "email": ADA, "code": code, "browser_token": asked.text("/browser_token") });
    assert_eq!(product.verify_from(1, &body).await.status, StatusCode::OK);
    assert_eq!(product.ask_from(200, ADA).await.problem(), "rate_limited");
    assert_eq!(product.ask_from(1, ADA).await.status, StatusCode::ACCEPTED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_five_good_links_from_one_address_at_once_are_twenty_five_sessions() {
    let product = Product::start().await;
    let people: Vec<_> = (0..25).map(|person| format!("person{person}@example.com")).collect();
    let asked = join_all(people.iter().map(|email| product.ask_from(7, email))).await;
    product.settle().await;
    let mut bodies = Vec::new();
    for (email, asked) in people.iter().zip(&asked) {
        let (token, _) = product.proof(email).await;
        bodies.push(json!({ "token": token, "browser_token": asked.text("/browser_token") }));
    }
    let sessions = join_all(bodies.iter().map(|body| product.verify_from(7, body))).await;
    assert_eq!(count(&sessions, StatusCode::OK), 25);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_colleagues_old_links_cost_nobody_anything() {
    let product = Product::start().await;
    product.ask_from(7, "eve@example.com").await;
    product.settle().await;
    let (used, _) = product.proof("eve@example.com").await;
    let old = json!({ "token": used, "confirm": true });
    assert_eq!(product.verify_from(7, &old).await.status, StatusCode::OK);
    let stale = join_all((0..50).map(|_| product.verify_from(7, &old))).await;
    assert_eq!(count(&stale, StatusCode::UNAUTHORIZED), 50);
    for odd in ["x", "' OR 1=1 --", &"A".repeat(200)] {
        let answer = product.verify_from(7, &json!({ "token": odd, "confirm": true })).await;
        assert_eq!(answer.problem(), "login_failed");
        assert!(!answer.headers.contains_key("ratelimit"), "{answer:?}");
    }
    let asked = product.ask_from(7, ADA).await;
    product.settle().await;
    let (token, _) = product.proof(ADA).await;
    let fresh = json!({ "token": token, "browser_token": asked.text("/browser_token") });
    assert_eq!(product.verify_from(7, &fresh).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_are_taken_as_people_type_them() {
    let product = Product::start().await;
    let spellings: [fn(&str) -> String; 5] = [
        |code| format!(" {code}\n"),
        |code| format!("{} {}", &code[..3], &code[3..]),
        |code| format!("{}-{}", &code[..3], &code[3..]),
        |code| code.chars().map(|digit| char::from_u32(u32::from(digit) + 0xfee0).unwrap()).collect(),
        |code| format!("{}\u{200b}{}", &code[..3], &code[3..]),
    ];
    for (number, spelling) in spellings.into_iter().enumerate() {
        let email = format!("person{number}@example.com");
        product.ask_from(1, &email).await;
        product.settle().await;
        let (_, code) = product.proof(&email).await;
        let typed = spelling(&code);
        assert_eq!(product.guess_from(1, &email, &typed).await.status, StatusCode::OK, "{typed:?}");
    }
    for odd in ["12345", "1234567", "12345a", "", "......"] {
        let answer = product.guess_from(1, ADA, odd).await;
        assert_eq!(
            (answer.problem(), answer.text("/errors/0/pointer")),
            ("invalid_request", "/code".to_owned())
        );
    }
}

/// A link's token opens an account. What a browser sends of the link, and so what any log on the way can
/// hold, has none of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_on_the_way_can_hold_the_token_of_a_link() {
    let product = Product::start().await;
    product.ask_from(1, ADA).await;
    product.settle().await;
    let (token, _) = product.proof(ADA).await;
    let mail = product.mails(ADA).await.remove(0);
    for part in ["html", "text"] {
        // templates write some letters of attributes as references
        let text = mail[part].as_str().unwrap().replace("&#x2f;", "/");
        let links: Vec<_> = text.match_indices("http").map(|(at, _)| &text[at..]).collect();
        let links: Vec<_> =
            links.iter().map(|rest| rest.split(['"', '<', '\n', ' ']).next().unwrap()).collect();
        assert!(links.iter().any(|link| link.contains(&token)), "{links:?}");
        for link in links {
            // RFC 3986, section 3.5: the fragment is for the client alone
            let sent = link.split('#').next().unwrap();
            assert!(!sent.contains(&token) && !sent.contains('?'), "{part}: {link}");
        }
    }
    let page = product.send(product.request(Method::GET, "/_local/page/app.js")).await;
    let script = page.body.as_str().unwrap();
    assert!(
        script.contains("location.hash") && !script.contains("location.search"),
        "who reads it, reads it there"
    );

    // what logs of requests there are says nothing of bodies, where the token goes next
    let template = Template::of_repository();
    let api = template.resource("Api").unwrap();
    let format = api.property("AccessLogSetting")["Format"].as_str().unwrap().to_owned();
    for secret in ["body", "querystring", "requestOverride", "resourcePath?", "authorizer"] {
        assert!(!format.contains(secret), "the access log says {secret}: {format}");
    }
    let methods = api.property("MethodSettings").as_array().unwrap();
    assert!(methods.iter().all(|method| method["DataTraceEnabled"] == false), "{methods:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_device_of_a_session_that_ended_is_listed_no_more() {
    let product = Product::start().await;
    let (phone, _) = product.owner(ADA, "acme").await;
    product.advance(SignedDuration::from_secs(1)).await;
    let desk = product.sign_in(ADA).await.text("/access_token");
    let device = json!({ "platform": "fcm", "token": "ada-phone-token-0001" });
    assert_eq!(product.post_as("/v1/me/devices", &phone, &device).await.status, StatusCode::CREATED);
    let listed = async || product.get("/v1/me/devices", &desk).await.body["items"].as_array().unwrap().len();
    assert_eq!(listed().await, 1);
    assert_eq!(
        product.post_as("/v1/auth/sign-out", &phone, &json!(null)).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(listed().await, 0, "nothing has to happen in the organization for that");
}
