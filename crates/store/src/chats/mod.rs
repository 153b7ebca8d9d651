//! One-to-one conversations.
//!
//! Each side of a conversation is a compartment of its author's class chat; its meta names the peer's handle, an item is a message in the
//! author's own tree, or the peer's part of one: their half of its key, or their copy. A reader merges both sides by the order sealed in
//! each item, and when one side's keys are gone the other stands alone. `docs/chats.md` tells the protocol.

mod aged;
mod append;
mod blocks;
mod conversation;
mod forget;
pub(crate) mod fuzz;
mod id;
mod list;
mod message;
mod messages;
mod peer;
mod policy;
mod repeat;
mod settings;
mod side;
mod spent;
mod write;

pub(crate) use conversation::Conversations;
pub use list::ChatInfo;
pub use message::{Body, Message, NewMessage, Posted};
pub use messages::Window;
pub(crate) use peer::{compartment_of, parse_handle};
pub use policy::{ChatOptions, ChatPolicy};
pub use settings::ChatSettings;

use crate::person::Person;

/// One person's conversations and block list.
///
/// A peer is named by user id. A conversation whose peer was erased is found by the old user id while the fence stands, and always by
/// [`ChatInfo::id`] in place of the user id.
#[derive(Clone)]
pub struct Chats {
    pub(crate) person: Person,
}
