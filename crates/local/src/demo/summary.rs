//! What somebody is told who asked for the demo.

use std::fmt::{Display, Formatter, Result};

use super::{DemoPerson, Seeded};

impl Display for Seeded {
    fn fmt(&self, text: &mut Formatter<'_>) -> Result {
        let Self { demo, secrets, is_new, api_url } = self;
        if *is_new {
            writeln!(text, "The demo company is built")?;
        } else {
            writeln!(text, "The demo company is here already, so nothing was done")?;
        }
        writeln!(text)?;
        for one in &demo.organizations {
            writeln!(text, "  {:<7} {}", one.slug, one.about)?;
        }
        writeln!(text)?;
        for person in &demo.people {
            let came = if person.came_by_sso { ", came by single sign-on" } else { "" };
            writeln!(text, "  {:<20} {:<12} {}{came}", person.email, person.name, roles(person))?;
        }
        writeln!(text)?;
        writeln!(
            text,
            "  Sign in        {api_url}/_local/app by mail, which {api_url}/_local#/mails catches;"
        )?;
        writeln!(text, "                 who is at {} by their organization as well", demo.domain)?;
        for invite in &demo.invited {
            writeln!(text, "  Invited        {} as {}", invite.email, invite.role)?;
        }
        writeln!(text, "  Invite link    {}", demo.invite_link)?;
        for key in &demo.keys {
            let secret = secrets.get(&key.name).map_or("was shown when it was made", String::as_str);
            writeln!(text, "  API key        {}: {}", key.name, key.scopes.join(", "))?;
            writeln!(text, "                 {secret}")?;
        }
        writeln!(
            text,
            "  SCIM           {api_url}{}, which {api_url}/_local#/scim has buttons for",
            crate::scim::BASE
        )?;
        writeln!(text, "                 {}", demo.scim_token)
    }
}

/// What somebody is where: `member of acme, admin of globex`.
fn roles(person: &DemoPerson) -> String {
    let all: Vec<_> = person.roles.iter().map(|(slug, role)| format!("{role} of {slug}")).collect();
    all.join(", ")
}
