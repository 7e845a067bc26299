//! Groups as administrators see them: what there is, and who is in it. Who asks takes it from the
//! groups themselves; nothing is changed.

mod describe;
mod list;
mod overview;

pub use describe::{DescribedGroup, DescribedMember};
pub use list::{ListFilter, ListedGroup};
pub use overview::{Counted, Overview, OverviewMember};
