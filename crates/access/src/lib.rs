//! Who is calling and what they may do: Actor, Role, Permission. Pure.
