//! Codes that go to phones, and by mail to whoever is signed in: once each, to what is stored, and none that
//! nobody waits for any more.

use access::{Shown, Way};
use identity_core::{Device, LinkKey, MailCode, Policy, Session, SmsCode, SmsPlace};
use lambda_host::{Environment, Function, Host, LambdaEvent};
use primitives::{Clock, Ids, MailCodeId, PhoneNumber, SignedDuration, SmsCodeId, UserId};
use serde_json::{Value, json};
use table::{Cause, Changes};
use test_support::{Crashes, Database, Moment, Services, noon};

const USER: &str = "usr_01kar8h5g0e0vsx4q1v3f6m2ah";
const CODE: &str = "smc_01kar8h5g0e0vsx4q1v3f6m2ah";
const NUMBER: &str = "+436641234567";

struct World {
    database: Database,
    services: Services,
    crashes: Crashes,
    clock: Clock,
    function: Function,
    event: Value,
}

impl World {
    /// With a code that was asked for.
    async fn start() -> Self {
        let (database, services, crashes) =
            (Database::start().await, Services::start().await, Crashes::default());
        let clock = Clock::fixed(noon());
        let mut environment = services.environment(&database);
        environment.push(("SMS_SENDER_ID".to_owned(), "GANTRY".to_owned()));
        let ids = Ids::random(clock.clone());
        let http_client = Some(crashes.http_client());
        let host = Host::with(Environment::new(environment), clock.clone(), ids, http_client).unwrap();
        let function = queue_mail::function(&host).await.unwrap();
        host.connected().await;
        let event = include_str!("../../../../events/queue-mail/sms-code-requested.json");
        let event = serde_json::from_str(event).unwrap();
        let world = Self { database, services, crashes, clock, function, event };
        world.store(&world.code(CODE.parse().unwrap(), None)).await;
        world
    }

    fn code(&self, code_id: SmsCodeId, before: Option<&SmsCode>) -> SmsCode {
        let (user_id, number): (UserId, PhoneNumber) = (USER.parse().unwrap(), NUMBER.parse().unwrap());
        let now = self.clock.now();
        SmsCode::new((user_id, SmsPlace::Phone), (code_id, number), before, &Policy::default(), now)
    }

    async fn store(&self, code: &SmsCode) {
        let table = self.database.table(&self.clock);
        table.commit(&Cause::system("test", "test"), Changes::new().overwrite(code)).await.unwrap();
    }

    async fn invoke(&self) -> bool {
        let event = LambdaEvent::new(self.event.clone(), lambda_host::Context::default());
        let answer = self.function.invoke(event).await.unwrap();
        answer == json!({ "batchItemFailures": [] })
    }
}

#[tokio::test]
async fn a_code_goes_by_mail_to_the_address_that_its_session_waits_at() {
    let code: MailCodeId = "mlc_01kar8h5g0e0vsx4q1v3f6m2ah".parse().unwrap();
    let ids = (USER.parse().unwrap(), "ses_01kar8h5g0e0vsx4q1v3f6m2ah".parse().unwrap());
    for (asked, mails) in [(code, 1), (Ids::unguessable(), 0)] {
        let mut world = World::start().await;
        let event = include_str!("../../../../events/queue-mail/mail-code-requested.json");
        world.event = serde_json::from_str(event).unwrap();
        let device = Device { name: "Firefox on Linux".to_owned(), country: None };
        let now = world.clock.now();
        let mut session = Session::begin(ids, Shown::only(Way::Mail), device, &Policy::default(), now);
        let until = now + SignedDuration::from_mins(15);
        session.mail_code = Some(MailCode::new(asked, "ada@example.com".parse().unwrap(), until));
        let table = world.database.table(&world.clock);
        table.commit(&Cause::system("test", "test"), Changes::new().create(&session)).await.unwrap();
        for _ in 0..2 {
            assert!(world.invoke().await);
        }
        let sent = world.services.mails();
        assert_eq!(sent.len(), mails, "the last one that was asked for is sent, once");
        for mail in sent {
            let text = mail["Content"]["Simple"]["Body"]["Text"]["Data"].as_str().unwrap();
            assert!(text.contains(&LinkKey::from_secret(Services::SECRET_KEY).mail_code(code)), "{text}");
            assert!(!text.contains("#token="), "it opens nothing: {text}");
            assert_eq!(mail["Destination"]["ToAddresses"][0], "ada@example.com");
        }
    }
}

#[tokio::test]
async fn a_code_is_sent_once_to_the_number_that_is_stored() {
    let world = World::start().await;
    for _ in 0..2 {
        assert!(world.invoke().await);
    }
    let texts = world.services.texts();
    let [text] = texts.as_slice() else { panic!("{texts:?}") };
    let code = LinkKey::from_secret(Services::SECRET_KEY).sms_code(CODE.parse().unwrap());
    let words = format!(
        "{code} is your code for Gantry. It works for 10 minutes. Give it to nobody.\n\n@localhost #{code}"
    );
    assert_eq!((text["PhoneNumber"].as_str(), &text["Message"]), (NUMBER, &words));
    let attributes: Vec<_> = (1..=2)
        .map(|number| {
            let attribute = |part: &str| text[&format!("MessageAttributes.entry.{number}.{part}")].clone();
            (attribute("Name"), attribute("Value.StringValue"))
        })
        .collect();
    for (name, value) in [("AWS.SNS.SMS.SMSType", "Transactional"), ("AWS.SNS.SMS.SenderID", "GANTRY")] {
        assert!(attributes.contains(&(name.to_owned(), value.to_owned())), "{attributes:?}");
    }
}

#[tokio::test]
async fn a_code_that_nobody_waits_for_is_not_sent() {
    for case in ["replaced", "used", "over", "gone"] {
        let world = World::start().await;
        let code = world.code(CODE.parse().unwrap(), None);
        match case {
            "replaced" => world.store(&world.code(Ids::unguessable(), None)).await,
            "used" => world.store(&code.used(world.clock.now())).await,
            "over" => world.clock.advance(SignedDuration::from_mins(10)),
            _ => {
                let table = world.database.table(&world.clock);
                let gone = Changes::new().remove(SmsPlace::Phone.key(USER.parse().unwrap()));
                table.commit(&Cause::system("test", "test"), gone).await.unwrap();
            }
        }
        assert!(world.invoke().await, "{case}");
        assert!(world.services.texts().is_empty(), "{case}");
    }
}

/// What SNS answers, how often it is asked on five deliveries, and whether the message fails to the end.
#[tokio::test]
async fn what_sns_says_decides_whether_it_is_asked_again() {
    let world = World::start().await;
    world.services.refuse("Publish", 3);
    assert!(!world.invoke().await, "throttled, and the SDK's attempts are over");
    assert!(world.services.hidden("sign-in-mail")[0] <= 4);
    assert!(world.invoke().await && world.services.texts().len() == 1);

    let world = World::start().await;
    world.services.reject_endpoint(NUMBER);
    for _ in 0..5 {
        assert!(world.invoke().await, "a number that is refused is not tried again");
    }
    assert_eq!(world.services.calls("Publish"), 1);
}

/// Nobody is left without, and at most the one that was under way comes twice.
#[tokio::test]
async fn a_crash_at_any_call_is_healed_by_the_next_delivery() {
    let calls = {
        let world = World::start().await;
        world.crashes.count(world.invoke()).await.1
    };
    assert_eq!(calls, 6, "the code, the key and the one before, the claim, the SMS, the end");
    for call in 0..calls {
        for moment in [Moment::Before, Moment::After] {
            let world = World::start().await;
            assert!(world.crashes.run(call, moment, world.invoke()).await.is_none());
            world.clock.advance(SignedDuration::from_secs(91));
            assert!(world.invoke().await, "{call} {moment:?}");
            let sent = world.services.texts().len();
            // sent, and nobody noted it
            let may_repeat = [(4, Moment::After), (5, Moment::Before)].contains(&(call, moment));
            assert!(sent == 1 || (sent == 2 && may_repeat), "{call} {moment:?}: {sent}");
        }
    }
}
