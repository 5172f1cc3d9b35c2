//! Amounts that are set aside before they are used: so that what is begun can be finished, and no quota is
//! overshot however many begin at once.

use std::sync::{Mutex, PoisonError};

use access::{Permit, Tenant, needs::WriteUsage};
use primitives::{OrgId, ReservationId, SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use table::{Cause, Changes, Consistency, Decision, Hold, Item, Keep, Key, Table};
use usage_ledger::{Meter, Span, Window};

use crate::{
    UsageError, api,
    event::hash_of,
    keys,
    quota::{Part, Purses, purse, tell_crossed, tell_exceeded},
    record::{Sums, Where, used},
};

/// An amount that is set aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reservation {
    org_id: OrgId,
    /// Its id.
    pub reservation_id: ReservationId,
    meter: String,
    amount: u64,
    created_at: Timestamp,
    until: Timestamp,
    parts: Vec<Part>,
    end: Option<End>,
    #[serde(default)]
    version: u64,
}

/// How it came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum End {
    /// So much was used.
    Settled(u64),
    /// Nothing was.
    Released,
}

impl Item for Reservation {
    fn key(&self) -> Key {
        keys::UsageReservation::key(Tenant::trusted(self.org_id), self.reservation_id)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn expires_at(&self) -> Option<Timestamp> {
        // within forty days of its creation, however long it is held
        Some(self.created_at + keys::KEPT)
    }
}

impl Reservation {
    fn month(&self) -> Span {
        Span::of(Window::Month, self.created_at)
    }

    fn meter(&self) -> Result<&'static Meter, UsageError> {
        Meter::named(&self.meter).ok_or(UsageError::NotFound)
    }

    /// What ends it, with so much used.
    fn ended(&self, meter: &Meter, amount: u64) -> Changes {
        let (tenant, month) = (Tenant::trusted(self.org_id), self.month());
        let mut left = amount;
        self.parts.iter().fold(Changes::new(), |changes, part| {
            let used = left.min(part.amount);
            left -= used;
            let hold = Hold::new(self.reservation_id.to_string(), part.amount, self.until);
            changes.and(purse(tenant, month, meter, part.purse).end(&hold, used))
        })
    }

    /// As the API shows it to whoever made it.
    pub fn as_created(&self) -> api::Reservation {
        self.shown(self.created_at)
    }

    /// As the API shows it at a time.
    pub fn shown(&self, now: Timestamp) -> api::Reservation {
        let (status, used) = match self.end {
            Some(End::Settled(used)) => (api::ReservationStatus::Settled, Some(used)),
            Some(End::Released) => (api::ReservationStatus::Released, None),
            None if self.until <= now => (api::ReservationStatus::Expired, None),
            None => (api::ReservationStatus::Held, None),
        };
        api::Reservation {
            id: self.reservation_id,
            meter: self.meter.clone(),
            amount: self.amount,
            used,
            status,
            created_at: self.created_at.into(),
            expires_at: self.until.into(),
        }
    }
}

/// Sets an amount aside for so long. Whoever uses it stops half a minute before that is over, and settles.
pub async fn reserve(
    table: &Table,
    cause: &Cause,
    keep: &Keep<'_, Reservation>,
    permit: &Permit<WriteUsage>,
    (meter, amount, lasts): (&str, u64, SignedDuration),
) -> Result<Reservation, UsageError> {
    let meter = Meter::named(meter).filter(|meter| meter.adds_up()).ok_or(UsageError::UnknownMeter)?;
    let (tenant, now) = (permit.tenant(), table.clock().now());
    let month = Span::of(Window::Month, now);
    let reservation_id: ReservationId = table.ids().next();
    let keys: &Vec<_> = &Purses::keys(tenant, month, meter).collect();
    let id = &reservation_id.to_string();
    let exceeded: &Mutex<Option<Purses>> = &Mutex::default();
    let decide = |_| async move {
        let mut found = table.get_many(keys, Consistency::Strong).await?;
        let quota = permit.plan.quota(meter.name);
        let mut purses = Purses::found(&mut found, (tenant, month), meter, quota)?;
        let is_left = quota.is_none_or(|quota| !quota.hard) || purses.free() >= amount;
        let Some(parts) = purses.hold(amount) else {
            if purses.give_back(table).await? {
                // there is more now than was seen
                return Ok(Decision::wait());
            }
            if is_left {
                return Err(UsageError::TooManyAtOnce);
            }
            let error = purses.exceeded();
            *exceeded.lock().unwrap_or_else(PoisonError::into_inner) = Some(purses);
            return Err(error);
        };
        let until = now + lasts;
        let reservation = Reservation {
            org_id: tenant.org_id(),
            reservation_id,
            meter: meter.name.to_owned(),
            amount,
            created_at: now,
            until,
            parts,
            end: None,
            version: 0,
        };
        let changes = purses.changes(Some((id, until))).create(&reservation);
        Ok(Decision::commit(changes, reservation))
    };
    let reserved = table.decide_once(cause, keep, decide).await;
    let exceeded = exceeded.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let (Err(UsageError::QuotaExceeded { .. }), Some(purses)) = (&reserved, exceeded) {
        tell_exceeded(table, cause, &purses).await?;
    }
    reserved
}

async fn load(table: &Table, tenant: Tenant, id: ReservationId) -> Result<Reservation, UsageError> {
    let key = keys::UsageReservation::key(tenant, id);
    table.get(&key, Consistency::Strong).await?.ok_or(UsageError::NotFound)
}

/// Says how much was used of what was set aside; the rest is free again, and what was used is counted. The
/// same again finds it done.
pub async fn settle(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteUsage>,
    (id, amount): (ReservationId, u64),
) -> Result<Reservation, UsageError> {
    let place = &Where { tenant: permit.tenant(), plan: permit.plan, now: table.clock().now() };
    let decide = |_| async move {
        let reservation = load(table, place.tenant, id).await?;
        match reservation.end {
            Some(End::Settled(before)) if before == amount => return Ok(Decision::done((reservation, None))),
            Some(_) => return Err(UsageError::Closed),
            None if reservation.until <= table.clock().now() => return Err(UsageError::Expired),
            None if amount > reservation.amount => {
                return Err(UsageError::MoreThanReserved { reserved: reservation.amount });
            }
            None => {}
        }
        let meter = reservation.meter()?;
        // in the month whose quota it is of, however late in it that was
        let last = reservation.month().end - SignedDuration::from_millis(1);
        let hash = hash_of(&["reservation", &id.to_string()]);
        let event = &used(meter, amount, (place.now.min(last), hash));
        let mut sums = Sums::load(table, place, &[event]).await?;
        if amount > 0 {
            sums.add(table, event);
        }
        let told = sums.purses.values().next().cloned();
        let ended = Reservation { end: Some(End::Settled(amount)), ..reservation.clone() };
        let changes = sums.changes().replace(&ended).and(reservation.ended(meter, amount));
        Ok::<_, UsageError>(Decision::commit(changes, (ended, told)))
    };
    let (settled, purses) = table.decide(cause, decide).await?;
    if let Some(purses) = purses {
        tell_crossed(table, cause, &purses.with_used(amount), purses.used()).await?;
    }
    Ok(settled)
}

/// Gives back all that was set aside. The same again finds it done, and what has expired is free already.
pub async fn release(
    table: &Table,
    cause: &Cause,
    permit: &Permit<WriteUsage>,
    id: ReservationId,
) -> Result<Reservation, UsageError> {
    let tenant = permit.tenant();
    let decide = |_| async move {
        let reservation = load(table, tenant, id).await?;
        match reservation.end {
            Some(End::Released) => return Ok(Decision::done(reservation)),
            Some(End::Settled(_)) => return Err(UsageError::Closed),
            None if reservation.until <= table.clock().now() => return Ok(Decision::done(reservation)),
            None => {}
        }
        let meter = reservation.meter()?;
        let ended = Reservation { end: Some(End::Released), ..reservation.clone() };
        let changes = reservation.ended(meter, 0).replace(&ended);
        Ok::<_, UsageError>(Decision::commit(changes, ended))
    };
    table.decide(cause, decide).await
}
