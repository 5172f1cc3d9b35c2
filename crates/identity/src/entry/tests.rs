use super::*;

/// What a person can show first.
const FIRST: [Way; 6] =
    [Way::Mail, Way::Password, Way::Passkey, Way::ConnectedAccount, Way::Sso, Way::DeviceLink];

#[test]
fn nobody_comes_in_with_less_than_is_asked_for() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let policy = |mode, grace_ends_at| MfaPolicy { mode, grace_ends_at };
    let policies = [
        (policy(MfaMode::Off, None), false),
        (policy(MfaMode::Optional, None), false),
        (policy(MfaMode::Required, Some(at(101))), false),
        (policy(MfaMode::Required, Some(at(100))), true),
        (policy(MfaMode::Required, None), true),
    ];
    for first in FIRST {
        for second in [None, Some(Way::Totp), Some(Way::Sms), Some(Way::RecoveryCode), Some(Way::Passkey)] {
            let shown = second.into_iter().fold(Shown::only(first), Shown::and);
            let is_enough = second.is_some() || first == Way::Passkey;
            // nothing, a passkey alone, an authenticator app
            for (has_one, is_asked) in [(false, false), (true, false), (true, true)] {
                for (policy, asks_at_once) in policies {
                    let case = format!("{shown:?} {has_one} {is_asked} {policy:?}");
                    let asks = asks_at_once || (has_one && policy.mode == MfaMode::Required);
                    let expected = match (is_enough || !(is_asked || asks), has_one) {
                        (true, _) => None,
                        (false, true) => Some(Missing::Mfa),
                        (false, false) => Some(Missing::MfaEnrollment),
                    };
                    let enrolled = Enrolled { has_one, is_asked };
                    assert_eq!(missing(&shown, enrolled, policy, at(100)), expected, "{case}");
                }
            }
        }
    }
}

/// Every way, every policy about a second factor and about SSO, every role and enrolment.
#[test]
fn where_sso_is_required_nobody_comes_in_otherwise_but_owners_with_a_second_factor() {
    let now = Timestamp::from_second(100).unwrap();
    let (member, used, other): (MemberId, SsoConnectionId, SsoConnectionId) =
        (Ids::unguessable(), Ids::unguessable(), Ids::unguessable());
    let enrolments = [(false, false), (true, false), (true, true)];
    let modes = [MfaMode::Off, MfaMode::Optional, MfaMode::Required];
    for first in FIRST {
        for by in [None, Some(other), Some(used)].into_iter().filter(|by| by.is_some() == (first == Way::Sso))
        {
            for (role, breaks_glass) in Role::ALL.into_iter().flat_map(|role| [(role, false), (role, true)]) {
                let break_glass = if breaks_glass { vec![member] } else { Vec::new() };
                for (mode, (has_one, is_asked)) in
                    modes.into_iter().flat_map(|mode| enrolments.map(|enrolled| (mode, enrolled)))
                {
                    let mfa = MfaPolicy { mode, grace_ends_at: None };
                    let enrolled = Enrolled { has_one, is_asked };
                    let free = SsoPolicy {
                        required: false,
                        connections: vec![used],
                        break_glass: break_glass.clone(),
                    };
                    assert_eq!(
                        asked_within(&free, mfa, (member, role), by),
                        Some(mfa),
                        "nothing is required"
                    );
                    let required = SsoPolicy { required: true, ..free };
                    let asked = asked_within(&required, mfa, (member, role), by);
                    let case = format!("{first:?} {by:?} {role} {breaks_glass} {mode:?} {enrolled:?}");
                    let Some(asked) = asked else {
                        assert!(by != Some(used) && !(breaks_glass && role == Role::Owner), "{case}");
                        continue;
                    };
                    if by == Some(used) {
                        assert_eq!(asked, mfa, "{case}");
                        continue;
                    }
                    assert!(breaks_glass && role == Role::Owner, "{case}");
                    let lacks = missing(&Shown::only(first), enrolled, asked, now);
                    let expected = match (first, has_one) {
                        (Way::Passkey, _) => None,
                        (_, true) => Some(Missing::Mfa),
                        (_, false) => Some(Missing::MfaEnrollment),
                    };
                    assert_eq!(lacks, expected, "{case}");
                }
            }
        }
    }
}

#[test]
fn a_login_that_began_with_the_person_as_they_were_is_over_when_all_have_ended() {
    let (now, policy) = (Timestamp::UNIX_EPOCH, Policy::default());
    let later = Timestamp::from_second(1).unwrap();
    let device = Device { name: "Firefox on Linux".to_owned(), country: None };
    let ids = (Ids::unguessable(), Ids::unguessable());
    let session = Session::begin(ids, Shown::only(Way::Mail), device, &policy, now);
    let ada = User::new("ada@example.com".parse().unwrap(), &session);
    // stored later than the end, by somebody who had read the person before
    let begin = |user: &User| begin_half(user, Shown::default(), Missing::Mfa, None, false, &policy, later).0;
    let (before, ended) = (begin(&ada), ada.clone().with_only(None, now));
    assert!(ada.admits(&before) && !ended.admits(&before));
    assert!(ended.admits(&begin(&ended)) && !ended.with_only(None, later).admits(&begin(&ada)));
}

#[test]
fn second_factors_alone_open_nothing() {
    let second = [Way::Totp, Way::Sms, Way::RecoveryCode].map(Shown::only);
    for shown in second.into_iter().chain([Shown::default()]) {
        assert_eq!(
            missing(
                &shown,
                Enrolled { has_one: true, is_asked: true },
                MfaPolicy::default(),
                Timestamp::UNIX_EPOCH
            ),
            Some(Missing::Mfa)
        );
    }
}
