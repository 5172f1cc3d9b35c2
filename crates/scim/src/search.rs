use crate::{
    ScimError,
    filter::{Expression, Operator, parse},
};

/// A filter that was read.
#[derive(Clone, Debug)]
pub struct Filter(pub(crate) Expression);

impl Filter {
    /// Reads one.
    pub fn read(text: &str) -> Result<Self, ScimError> {
        parse(text).map(Self)
    }

    /// What an attribute has to be, or begin with, or contain, in any case.
    pub(crate) fn needs(&self, name: &str, operator: Operator) -> Option<String> {
        let needed = self.0.needed();
        let found = needed.into_iter().find(|(of, how, _)| of.is(name) && *how == operator);
        found.map(|(_, _, text)| text.to_owned())
    }

    /// Whether it is this one comparison and nothing else.
    pub(crate) fn is_only(&self, name: &str, operator: Operator) -> bool {
        matches!(&self.0, Expression::Compare(of, how, _) if of.is(name) && *how == operator)
    }
}
