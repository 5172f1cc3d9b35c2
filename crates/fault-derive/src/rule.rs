use syn::{
    Attribute, Error, Expr, Ident, LitInt, LitStr, Result, Token,
    parse::{Parse, ParseStream},
};

/// What `#[fault(…)]` says of a variant.
pub(crate) struct Rule {
    pub(crate) answer: Answer,
    pub(crate) status: Option<LitInt>,
    pub(crate) retry_after: Option<Expr>,
}

pub(crate) enum Answer {
    /// A kind and a code of its own.
    Own(Ident, LitStr),
    /// Those of its source.
    Transparent,
}

impl Rule {
    /// The rule of a variant, or what to write where there is none.
    pub(crate) fn of(name: &Ident, attributes: &[Attribute]) -> Result<Self> {
        let attribute = attributes.iter().find(|attribute| attribute.path().is_ident("fault"));
        let attribute = attribute.ok_or_else(|| {
            let text = format!(
                "say how `{name}` is answered: `#[fault(Conflict, \"its_code\")]`, with a kind of `FaultKind`, \
                 or `#[fault(transparent)]` where its source knows"
            );
            Error::new(name.span(), text)
        })?;
        attribute.parse_args()
    }
}

impl Parse for Rule {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let first: Ident = input.parse()?;
        let answer = if first == "transparent" {
            Answer::Transparent
        } else {
            input.parse::<Token![,]>()?;
            Answer::Own(first, code(input)?)
        };
        let mut rule = Self { answer, status: None, retry_after: None };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            let name: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            match name.to_string().as_str() {
                "retry_after" => rule.retry_after = Some(input.parse()?),
                "status" => rule.status = Some(input.parse()?),
                _ => return Err(Error::new(name.span(), "only `retry_after` and `status` may follow")),
            }
        }
        Ok(rule)
    }
}

fn code(input: ParseStream<'_>) -> Result<LitStr> {
    let code: LitStr = input.parse()?;
    let text = code.value();
    let is_code = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if is_code {
        Ok(code)
    } else {
        Err(Error::new(code.span(), "a code is in lower snake case: `slug_taken`"))
    }
}
