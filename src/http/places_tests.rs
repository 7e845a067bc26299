//! Who goes for whom, without sockets.

use super::*;

/// Long after everything that these tests do.
const NOW: u64 = 1_000_000_000;

/// As many connections of worker 0 as there may be; each began one moment later.
fn full(places: &Places) -> Vec<Arc<Place>> {
    let all: Vec<_> = (0..MAX_CONNECTIONS as u64)
        .map(|key| places.admit(0, key, key + 1).place.unwrap())
        .collect();
    assert_eq!(places.lock().len(), MAX_CONNECTIONS);
    all
}

/// The keys of who goes for one more of this worker, and whether it got a place.
fn one_more(places: &Places, worker: usize) -> ([Option<u64>; 2], bool) {
    let Seating { place, parting, .. } = places.admit(worker, u64::MAX, NOW);
    (parting.map(|one| one.map(|place| place.key)), place.is_some())
}

#[test]
fn who_waits_longest_goes_first() {
    let places = Places::new();
    let all = full(&places);
    all[0].set_busy();
    all[1].set_busy();
    all[1].waits(2000);
    for key in [2, 3, 4] {
        assert_eq!(one_more(&places, 1), ([Some(key), None], true));
    }
    assert!(all[2].is_leaving() && !all[1].is_leaving() && !all[0].is_leaving());
    // Those that are on their way out have made their room.
    places.release(&all[2]);
    places.release(&all[5]);
    assert_eq!(one_more(&places, 0), ([None, None], true));
}

#[test]
fn a_request_that_came_whole_in_this_moment_is_served() {
    let places = Places::new();
    let all = full(&places);
    assert_eq!(one_more(&places, 1), ([Some(0), None], true));
    all[0].set_busy();
    assert!(!all[0].is_leaving() && !all[0].is_cut());
    // One more is open than there should be: the next one takes two places.
    let next = places.admit(0, u64::MAX, NOW);
    assert_eq!(next.parting[0].as_ref().map(|place| place.key), Some(1));
    assert_eq!(next.surplus.map(|place| place.key), Some(2));
    places.release(&all[1]);
    places.release(&all[2]);
    for key in 3..100 {
        assert_eq!(one_more(&places, 0), ([Some(key), None], true));
        places.release(&all[key as usize]);
    }
    assert_eq!(places.lock().len(), MAX_CONNECTIONS);
}

#[test]
fn what_is_under_way_stays_and_one_more_is_refused() {
    let places = Places::new();
    full(&places).iter().for_each(|place| place.set_busy());
    assert_eq!(one_more(&places, 0), ([None, None], false));
    assert_eq!(places.lock().len(), MAX_CONNECTIONS);
}

#[test]
fn readers_that_take_nothing_are_cut_once_they_are_many() {
    let places = Places::new();
    let all = full(&places);
    all.iter().enumerate().for_each(|(at, place)| place.leaves(at as u64));
    // All are as good as gone, so there is room; the first of them has to hurry.
    assert_eq!(one_more(&places, 0), ([None, Some(0)], true));
    assert!(all[0].is_cut());
    places.release(&all[0]);
    assert_eq!(one_more(&places, 0), ([None, Some(1)], true));
}

#[test]
fn who_was_told_to_leave_has_a_while_for_it() {
    let places = Places::new();
    let all = full(&places);
    for key in 0..SPARE as u64 {
        assert_eq!(one_more(&places, 0), ([Some(key), None], true));
    }
    // There are many of them, and all have been so for no time at all.
    let ([_, cut], is_admitted) = one_more(&places, 0);
    assert_eq!((cut, is_admitted), (None, true));
    let later = places.admit(0, u64::MAX, NOW + LOOK.as_nanos() as u64);
    assert_eq!(later.parting[1].as_ref().map(|place| place.key), Some(0));
    assert!(all[0].is_cut() && all[1].is_leaving());
}

#[test]
fn there_is_an_end_to_it_when_another_worker_does_not_hear() {
    let places = Places::new();
    full(&places);
    let mut admitted = 0;
    // None of its own ever waits, so all who go are the other one's.
    while let Some(place) = places.admit(1, u64::MAX, NOW).place {
        place.set_busy();
        admitted += 1;
        assert!(admitted <= MOST, "no limit");
    }
    assert_eq!((places.lock().len(), admitted), (MOST, MOST - MAX_CONNECTIONS));
    // Who was refused has driven nobody away.
    let waiting = || places.lock().iter().filter(|place| place.state() == WAITING).count();
    assert_eq!(waiting(), MAX_CONNECTIONS - admitted);
    assert_eq!(one_more(&places, 1), ([None, None], false));
    assert_eq!(waiting(), MAX_CONNECTIONS - admitted);
}

#[test]
fn a_burst_of_requests_is_over_once_it_is_answered() {
    let places = Places::new();
    full(&places);
    // Whoever is to go has asked for something, and is answered.
    for _ in MAX_CONNECTIONS..MOST {
        let Seating { parting, surplus, .. } = places.admit(0, u64::MAX, NOW);
        parting.into_iter().flatten().chain(surplus).for_each(|place| place.waits(NOW));
    }
    assert_eq!(places.lock().len(), MOST);
    // One for each who is refused, until there are no more than there may be.
    let mut refused = 0;
    loop {
        let Seating { place, parting, surplus } = places.admit(0, u64::MAX, NOW);
        parting.into_iter().flatten().chain(surplus).for_each(|place| places.release(&place));
        if place.is_some() && places.lock().len() == MAX_CONNECTIONS {
            break;
        }
        refused += 1;
        assert!(refused <= MOST, "it is full for ever");
    }
}

#[test]
fn a_worker_that_has_some_of_its_own_does_not_depend_on_the_other() {
    let places = Places::new();
    full(&places);
    for _ in 0..MOST {
        let Seating { place, parting, .. } = places.admit(1, 7, NOW);
        assert!(place.is_some());
        for own in parting.into_iter().flatten().filter(|place| place.worker == 1) {
            places.release(&own);
        }
    }
    assert!(places.lock().len() <= MAX_CONNECTIONS + SPARE + 1);
}

#[test]
fn what_is_under_way_has_a_part_of_the_places() {
    let places = Places::new();
    let tails: Vec<_> = (0..MAX_TAILS).map(|_| places.under_way(true).unwrap()).collect();
    assert!(places.under_way(true).is_none());
    let pages: Vec<_> = (MAX_TAILS..MAX_WAITS).map(|_| places.under_way(false).unwrap()).collect();
    assert!(places.under_way(false).is_none() && MAX_WAITS < MAX_CONNECTIONS);
    drop(tails);
    assert!(places.under_way(true).is_some() && places.under_way(false).is_some());
    drop(pages);
    assert_eq!(places.shares.all.load(Ordering::Relaxed), 0);
}
