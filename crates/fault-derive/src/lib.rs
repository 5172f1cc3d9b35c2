//! `#[derive(Fault)]`: how an error is answered, said once beside its text. What it means and how
//! it is written stands at `primitives::Fault`, which is where it is used from.

mod expand;
mod rule;

/// Writes `primitives::Fault` for an error, from `#[fault(…)]` on each of its variants.
#[proc_macro_derive(Fault, attributes(fault))]
pub fn derive(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
