//! Rows that are durable by their commits' records and may not be in sled yet.
//!
//! Readers look here first. Two layers: commits go into the upper one; a checkpoint sets it aside, brings its rows into sled and then
//! drops it whole. So a row stands in a layer until sled has all of that layer, and what sled shows of it meanwhile is hidden.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::{EngineError, Row};

/// The newest value of each row; `None` is a deleted one.
pub(super) type Layer = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A row as a layer shows it.
type Shown<'a> = (&'a [u8], Option<&'a [u8]>);
type Bounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

#[derive(Default)]
pub(super) struct Overlay {
    upper: Layer,
    /// What a checkpoint is bringing into sled.
    aside: Option<Arc<Layer>>,
}

impl Overlay {
    /// `None` if sled has to be asked.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<&Vec<u8>>> {
        let found = self.upper.get(key).or_else(|| self.aside.as_ref()?.get(key))?;
        Some(found.as_ref())
    }

    pub(super) fn put(&mut self, changes: impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)>) {
        self.upper.extend(changes);
    }

    /// Sets the upper layer aside. The one before must be in sled.
    pub(super) fn set_aside(&mut self) -> Arc<Layer> {
        let layer = Arc::new(std::mem::take(&mut self.upper));
        self.aside = Some(Arc::clone(&layer));
        layer
    }

    /// sled has what was set aside.
    pub(super) fn drop_aside(&mut self) {
        self.aside = None;
    }

    /// At most `limit` rows of a range that is not empty: those here over those that `below` finds, which is asked for the first rows
    /// of the same range.
    pub(super) fn range(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        limit: usize,
        reverse: bool,
        below: impl FnOnce(usize) -> Result<Vec<Row>, EngineError>,
    ) -> Result<Vec<Row>, EngineError> {
        let bounds = (Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Excluded));
        let here = self.first(bounds, limit, reverse);
        if here.is_empty() {
            return below(limit);
        }
        // Each entry here hides one row below at most.
        let below = below(limit.saturating_add(here.len()))?;
        let below = below.iter().map(|(key, value)| (key.as_slice(), Some(value.as_slice())));
        let rows = merged(here.into_iter(), below, reverse);
        let rows = rows.filter_map(|(key, value)| Some((key.to_vec(), value?.to_vec())));
        Ok(rows.take(limit).collect())
    }

    /// The entries of a range in its direction, as far as the row that is the `limit`th of them: with that one there are rows enough.
    fn first(&self, bounds: Bounds<'_>, limit: usize, reverse: bool) -> Vec<Shown<'_>> {
        let aside = self.aside.iter().flat_map(|layer| entries(layer, bounds, reverse));
        let mut rows = 0;
        merged(entries(&self.upper, bounds, reverse), aside, reverse)
            .take_while(|(_, value)| {
                let wanted = rows < limit;
                rows += usize::from(value.is_some());
                wanted
            })
            .collect()
    }
}

fn entries<'a>(
    layer: &'a Layer,
    bounds: Bounds<'_>,
    reverse: bool,
) -> Box<dyn Iterator<Item = Shown<'a>> + 'a> {
    let entries = layer.range::<[u8], _>(bounds).map(|(key, value)| (key.as_slice(), value.as_deref()));
    if reverse { Box::new(entries.rev()) } else { Box::new(entries) }
}

/// Both sequences as one; an entry of the upper one hides that of the lower one under the same key.
fn merged<'a>(
    upper: impl Iterator<Item = Shown<'a>>,
    lower: impl Iterator<Item = Shown<'a>>,
    reverse: bool,
) -> impl Iterator<Item = Shown<'a>> {
    let (mut upper, mut lower) = (upper.peekable(), lower.peekable());
    std::iter::from_fn(move || {
        let order = match (upper.peek(), lower.peek()) {
            (Some((upper, _)), Some((lower, _))) if reverse => lower.cmp(upper),
            (Some((upper, _)), Some((lower, _))) => upper.cmp(lower),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        match order {
            Ordering::Less => upper.next(),
            Ordering::Greater => lower.next(),
            Ordering::Equal => {
                lower.next();
                upper.next()
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layer() -> impl Strategy<Value = Layer> {
        prop::collection::btree_map(
            prop::collection::vec(0_u8..6, 1..3),
            prop::option::of(prop::collection::vec(any::<u8>(), 0..3)),
            0..12,
        )
    }

    proptest! {
        #[test]
        fn every_range_is_that_of_the_layers_laid_over_each_other(
            upper in layer(), aside in prop::option::of(layer()), sled in layer(),
            ends in (0_u8..6, prop::option::of(0_u8..7)), limit in 1_usize..9, reverse: bool,
        ) {
            let sled: BTreeMap<_, _> = sled.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
            let mut whole: Layer = sled.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
            whole.extend(aside.clone().into_iter().flatten());
            whole.extend(upper.clone());
            let overlay = Overlay { upper, aside: aside.map(Arc::new) };
            let (from, to) = (vec![ends.0], ends.1.map(|end| vec![ends.0.saturating_add(end).max(ends.0 + 1)]));
            let inside = |key: &Vec<u8>| *key >= from && to.as_ref().is_none_or(|to| key < to);
            let first = |mut rows: Vec<Row>, limit| {
                if reverse {
                    rows.reverse();
                }
                rows.truncate(limit);
                rows
            };
            let below = |limit| Ok(first(sled.clone().into_iter().filter(|row| inside(&row.0)).collect(), limit));
            let found = overlay.range(&from, to.as_deref(), limit, reverse, below).unwrap();
            let rows = whole.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?)));
            prop_assert_eq!(found, first(rows.filter(|row| inside(&row.0)).collect(), limit));
            for (key, value) in &whole {
                let seen = overlay.get(key).unwrap_or_else(|| sled.get(key));
                prop_assert_eq!(seen, value.as_ref());
            }
        }
    }
}
