use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, Data, DeriveInput, Error, Expr, Fields, Ident, Lit, LitStr, Member, Meta, Result};

use crate::rule::{Answer, Rule};

/// A variant, or a struct as the only one.
struct Case<'a> {
    name: &'a Ident,
    path: TokenStream,
    fields: &'a Fields,
    attributes: &'a [Attribute],
}

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let cases = cases(input)?;
    let mut arms = Arms::default();
    for case in &cases {
        arms.add(case, &Rule::of(case.name, case.attributes)?)?;
    }
    let Arms { codes, kind, code, status, retry_after } = arms;
    let (name, (generics, parameters, conditions)) = (&input.ident, input.generics.split_for_impl());
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::primitives::Fault for #name #parameters #conditions {
            const CODES: &'static [::primitives::FaultCode] = &[#(#codes),*];

            fn kind(&self) -> ::primitives::FaultKind {
                use ::primitives::Fault as _;
                match self { #(#kind)* }
            }

            fn code(&self) -> &'static str {
                use ::primitives::Fault as _;
                match self { #(#code)* }
            }

            fn status(&self) -> ::core::option::Option<u16> {
                use ::primitives::Fault as _;
                match self { #(#status)* }
            }

            fn retry_after(&self) -> ::core::option::Option<u64> {
                use ::primitives::Fault as _;
                match self { #(#retry_after)* }
            }
        }
    })
}

fn cases(input: &DeriveInput) -> Result<Vec<Case<'_>>> {
    match &input.data {
        Data::Enum(data) => Ok(data
            .variants
            .iter()
            .map(|variant| {
                let name = &variant.ident;
                Case { name, path: quote!(Self::#name), fields: &variant.fields, attributes: &variant.attrs }
            })
            .collect()),
        Data::Struct(data) => Ok(vec![Case {
            name: &input.ident,
            path: quote!(Self),
            fields: &data.fields,
            attributes: &input.attrs,
        }]),
        Data::Union(_) => Err(Error::new(input.ident.span(), "a fault is an enum or a struct")),
    }
}

/// What the methods do with each case.
#[derive(Default)]
struct Arms {
    codes: Vec<TokenStream>,
    kind: Vec<TokenStream>,
    code: Vec<TokenStream>,
    status: Vec<TokenStream>,
    retry_after: Vec<TokenStream>,
}

impl Arms {
    fn add(&mut self, case: &Case<'_>, rule: &Rule) -> Result<()> {
        let path = &case.path;
        let none = || quote!(::core::option::Option::None);
        let status =
            rule.status.as_ref().map_or_else(none, |status| quote!(::core::option::Option::Some(#status)));
        match &rule.answer {
            Answer::Own(kind, code) => {
                let (kind, detail) = (quote!(::primitives::FaultKind::#kind), detail(case.attributes));
                self.codes.push(quote! {
                    ::primitives::FaultCode { kind: #kind, status: #status, code: #code, detail: #detail }
                });
                self.kind.push(quote!(#path { .. } => #kind,));
                self.code.push(quote!(#path { .. } => #code,));
                self.status.push(quote!(#path { .. } => #status,));
                if rule.retry_after.is_none() {
                    self.retry_after.push(quote!(#path { .. } => ::core::option::Option::None,));
                }
            }
            Answer::Transparent => {
                let source = source(case)?;
                let of_source = quote!(#path { #source: source, .. });
                self.kind.push(quote!(#of_source => source.kind(),));
                self.code.push(quote!(#of_source => source.code(),));
                let own_status = rule.status.as_ref().map(|_| quote!(#path { .. } => #status,));
                self.status.push(own_status.unwrap_or_else(|| quote!(#of_source => source.status(),)));
                if rule.retry_after.is_none() {
                    self.retry_after.push(quote!(#of_source => source.retry_after(),));
                }
            }
        }
        if let Some(seconds) = &rule.retry_after {
            let used = fields_in(seconds, case.fields);
            self.retry_after.push(quote!(#path { #(#used,)* .. } => ::core::option::Option::Some(#seconds),));
        }
        Ok(())
    }
}

/// The field that knows the answer: the marked one, or the only one.
fn source(case: &Case<'_>) -> Result<Member> {
    let marks = |attribute: &Attribute| ["from", "source"].iter().any(|name| attribute.path().is_ident(name));
    let mut members = case.fields.members().zip(case.fields);
    let marked = members.clone().find(|(member, field)| {
        field.attrs.iter().any(marks) || matches!(member, Member::Named(name) if name == "source")
    });
    let only = if case.fields.len() == 1 { members.next() } else { None };
    let text = "which field is the source? Mark it with `#[from]` or `#[source]`";
    marked.or(only).map(|(member, _)| member).ok_or_else(|| Error::new(case.name.span(), text))
}

/// Those fields that the expression names.
fn fields_in<'a>(expression: &Expr, fields: &'a Fields) -> Vec<&'a Ident> {
    fn names(tokens: TokenStream, found: &mut Vec<Ident>) {
        for token in tokens {
            match token {
                TokenTree::Ident(name) => found.push(name),
                TokenTree::Group(group) => names(group.stream(), found),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
    let mut found = Vec::new();
    names(expression.to_token_stream(), &mut found);
    fields.iter().filter_map(|field| field.ident.as_ref()).filter(|name| found.contains(name)).collect()
}

/// What the error says, with `…` for what differs each time. One that says nothing else is told by
/// the first sentence of its documentation.
fn detail(attributes: &[Attribute]) -> String {
    let error = attributes.iter().find(|attribute| attribute.path().is_ident("error"));
    let first = error
        .and_then(|attribute| attribute.meta.require_list().ok())
        .and_then(|list| list.tokens.clone().into_iter().next());
    let text = first.and_then(|token| syn::parse2::<LitStr>(token.into()).ok());
    let shown = text.map(|text| without_placeholders(&text.value())).unwrap_or_default();
    if shown.contains(char::is_alphabetic) { shown } else { first_sentence(attributes) }
}

/// `{name}` and `{0:?}` become an ellipsis.
fn without_placeholders(text: &str) -> String {
    let mut parts = text.split('{');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + "…" + part.split_once('}').map_or("", |(_, rest)| rest))
}

fn first_sentence(attributes: &[Attribute]) -> String {
    let lines =
        attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).filter_map(|attribute| {
            let Meta::NameValue(doc) = &attribute.meta else { return None };
            let Expr::Lit(literal) = &doc.value else { return None };
            let Lit::Str(text) = &literal.lit else { return None };
            Some(text.value().trim().to_owned())
        });
    let text = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    text.split_once(". ").map_or(text.as_str(), |(first, _)| first).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn refused(input: &DeriveInput) -> String {
        expand(input).unwrap_err().to_string()
    }

    #[test]
    fn a_variant_without_an_answer_is_told_what_to_write() {
        let problem = refused(&parse_quote! { enum OrgError { #[error("taken")] SlugTaken } });
        assert!(problem.contains("say how `SlugTaken` is answered"), "{problem}");
        assert!(problem.contains("#[fault(transparent)]"), "{problem}");
    }

    #[test]
    fn what_the_attribute_does_not_know_is_refused() {
        let problem = refused(&parse_quote! { enum E { #[fault(Conflict, "taken", retry = 5)] A } });
        assert!(problem.contains("only `retry_after` and `status`"), "{problem}");
        let problem = refused(&parse_quote! { enum E { #[fault(Conflict, "SlugTaken")] A } });
        assert!(problem.contains("lower snake case"), "{problem}");
        let problem = refused(&parse_quote! { enum E { #[fault(Conflict)] A } });
        assert!(problem.contains("expected `,`"), "{problem}");
    }

    #[test]
    fn a_source_that_is_not_plain_is_asked_for() {
        let problem = refused(&parse_quote! { enum E { #[fault(transparent)] A { left: usize, error: B } } });
        assert!(problem.contains("which field is the source?"), "{problem}");
        assert!(refused(&parse_quote! { enum E { #[fault(transparent)] A } }).contains("which field"));
    }

    #[test]
    fn a_detail_is_the_text_or_else_the_first_sentence() {
        let of = |variant: syn::Variant| detail(&variant.attrs);
        assert_eq!(
            of(parse_quote! { #[error("the slug {slug:?} is taken; choose another")] A }),
            "the slug … is taken; choose another"
        );
        assert_eq!(
            of(parse_quote! {
                /// The form is wrong. The text says
                /// how.
                ///
                /// More.
                #[error("{0}")]
                A(String)
            }),
            "The form is wrong"
        );
        assert_eq!(of(parse_quote! { A }), "");
    }
}
