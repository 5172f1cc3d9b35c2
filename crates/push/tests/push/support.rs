//! A database, the services around it, and clients of both whose calls can be cut off.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use access::{Role, Tenant};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider, retry::RetryConfig};
use events::{ActorRef, Aggregate, Envelope};
use primitives::{Clock, DeviceId, Ids, MemberId, OrgId, SessionId, Timestamp, UserId};
use push::events::DevicePlatform;
use push::{
    Applications, Courier, Delivery, DeliveryQueue, DeviceError, Devices, FanOut, NewDevice, PushToken,
    Registered, Sessions,
};
use push_client::PushClient;
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, Item, Key, Table};
use test_support::{Crashes, Database, Publication, Services, noon, table_names};

/// What the product tells.
pub(crate) const TOLD: &[&[events::Told]] = &[orgs::events::TOLD, billing::events::TOLD];

pub(crate) struct World {
    pub(crate) database: Database,
    pub(crate) services: Services,
    pub(crate) crashes: Crashes,
    pub(crate) clock: Clock,
    pub(crate) table: Table,
    pub(crate) devices: Devices,
    pub(crate) fan_out: FanOut,
    pub(crate) courier: Courier,
    /// Sessions that have ended; all others live.
    pub(crate) ended: Arc<Mutex<BTreeSet<SessionId>>>,
}

/// The one session that a person has here.
pub(crate) fn session_of(user: UserId) -> SessionId {
    SessionId::from_uuid(user.uuid())
}

pub(crate) fn cause() -> Cause {
    Cause::system("test", "test")
}

fn config(url: &str, crashes: &Crashes) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .http_client(crashes.http_client())
        .retry_config(RetryConfig::disabled())
        .build()
}

impl World {
    pub(crate) async fn start() -> Self {
        let (database, services, crashes) =
            (Database::start().await, Services::start().await, Crashes::default());
        let clock = Clock::fixed(noon());
        let client = aws_sdk_dynamodb::Client::new(&config(&database.url, &crashes));
        let table = Table::new(client, table_names(), clock.clone(), Ids::random(clock.clone()));
        let config = config(&services.url, &crashes);
        let push = PushClient::new(aws_sdk_sns::Client::new(&config));
        let queue =
            DeliveryQueue::new(aws_sdk_sqs::Client::new(&config), "http://queues.example.com/push-delivery");
        let ended = Arc::<Mutex<BTreeSet<SessionId>>>::default();
        let known = Arc::clone(&ended);
        let sessions = Sessions::new(move |asked| {
            let ended = known.lock().unwrap();
            let live =
                asked.into_iter().map(|(_, session)| session).filter(|session| !ended.contains(session));
            std::future::ready(Ok(live.collect()))
        });
        Self {
            ended,
            devices: Devices::new(table.clone(), push.clone()),
            fan_out: FanOut::new(table.clone(), orgs::keys::Member::all, TOLD, queue),
            courier: Courier::new(table.clone(), push, sessions),
            database,
            services,
            crashes,
            clock,
            table,
        }
    }

    pub(crate) async fn register(&self, user: UserId, token: &str) -> Result<Registered, DeviceError> {
        self.register_on(DevicePlatform::Fcm, user, &format!("a-phone-{token}")).await
    }

    pub(crate) async fn register_on(
        &self,
        platform: DevicePlatform,
        user: UserId,
        token: &str,
    ) -> Result<Registered, DeviceError> {
        let token = PushToken::new(platform, token).unwrap();
        let new = NewDevice { token, app_version: None, locale: None };
        let applications = Applications {
            apns: "arn:aws:sns:eu-central-1:000000000000:app/APNS/gantry".to_owned(),
            fcm: "arn:aws:sns:eu-central-1:000000000000:app/GCM/gantry".to_owned(),
        };
        let person = (user, session_of(user));
        self.devices.register(&cause(), &applications, person, &new, &table::Keep::nothing()).await
    }

    /// So many members with so many devices each, stored as they are, whose endpoints are all there.
    pub(crate) async fn populate(&self, org_id: OrgId, members: u32, devices: u32) -> BTreeSet<String> {
        self.populate_with(org_id, Role::Owner, members, devices).await
    }

    pub(crate) async fn populate_with(
        &self,
        org_id: OrgId,
        role: Role,
        members: u32,
        devices: u32,
    ) -> BTreeSet<String> {
        let mut endpoints = BTreeSet::new();
        let mut changes = Vec::new();
        for member in 0..members {
            let user_id = Ids::unguessable();
            let member_id = self.table.ids().next();
            changes.push(Changes::new().create(&MemberItem { org_id, member_id, user_id, role, version: 0 }));
            for device in 0..devices {
                let endpoint_arn = format!(
                    "arn:aws:sns:eu-central-1:000000000000:endpoint/GCM/gantry/{role}-{member}-{device}"
                );
                self.services.add_endpoint(&endpoint_arn);
                let device = DeviceItem {
                    device_id: self.table.ids().next(),
                    user_id,
                    session_id: session_of(user_id),
                    platform: DevicePlatform::Fcm,
                    endpoint_arn: endpoint_arn.clone(),
                    token_hash: format!("{member}-{device}"),
                    registered_at: noon(),
                    seen_at: noon(),
                    version: 0,
                };
                changes.push(Changes::new().create(&device));
                endpoints.insert(endpoint_arn);
            }
        }
        let mut changes = changes.into_iter();
        loop {
            let batch = changes.by_ref().take(100).fold(Changes::new(), Changes::and);
            if batch.is_empty() {
                return endpoints;
            }
            self.table.commit(&cause(), batch).await.unwrap();
        }
    }

    pub(crate) async fn join(&self, org_id: OrgId, user_id: UserId) {
        let member_id = self.table.ids().next();
        let member = MemberItem { org_id, member_id, user_id, role: Role::Owner, version: 0 };
        self.table.commit(&cause(), Changes::new().create(&member)).await.unwrap();
    }

    /// The messages in the delivery queue.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        let messages = self.services.messages("push-delivery");
        messages.iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    /// Which endpoints were told what, each pair once.
    pub(crate) fn told(&self) -> BTreeSet<Publication> {
        self.services.publications().into_iter().collect()
    }
}

pub(crate) fn event(org_id: OrgId) -> Envelope {
    Envelope {
        id: Ids::unguessable(),
        kind: "trial.ending".to_owned(),
        version: 1,
        time: noon(),
        org_id: Some(org_id),
        aggregate: Aggregate { kind: "trial".to_owned(), id: org_id.to_string() },
        sequence: 1,
        correlation_id: "test".to_owned(),
        actor: ActorRef::System("test".to_owned()),
        data: (<billing::events::TrialEnding as events::Event>::KIND.example)(),
    }
}

/// An event that is told, with the data of its example.
pub(crate) fn about(kind: &str, org_id: OrgId) -> Envelope {
    let told = TOLD.iter().copied().flatten().find(|told| told.event.name == kind).unwrap();
    let data = (told.event.example)();
    Envelope { kind: kind.to_owned(), version: told.event.version, data, ..event(org_id) }
}

/// A member as the domain of organizations stores it, as far as it matters here.
#[derive(Serialize, Deserialize)]
struct MemberItem {
    org_id: OrgId,
    member_id: MemberId,
    user_id: UserId,
    role: Role,
    version: u64,
}

impl Item for MemberItem {
    fn key(&self) -> Key {
        orgs::keys::Member::key(Tenant::trusted(self.org_id), self.member_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

#[derive(Serialize, Deserialize)]
struct DeviceItem {
    device_id: DeviceId,
    user_id: UserId,
    session_id: SessionId,
    platform: DevicePlatform,
    endpoint_arn: String,
    token_hash: String,
    registered_at: Timestamp,
    seen_at: Timestamp,
    version: u64,
}

impl Item for DeviceItem {
    fn key(&self) -> Key {
        push::keys::Device::key(self.user_id, self.device_id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}
