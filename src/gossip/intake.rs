//! Whether what is heard may be taken, and what follows from taking it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::{
    Age, Aged, Card, Destination, Member, Message, NodeId, Record, Sender, SessionId, Timestamp, Version,
};

use super::Output;
use super::node::Node;
use super::relay::Item;
use super::roster::{HOSTS_PER_ADDRESS_MAX, Horizon, Merged};

/// A missing card is asked for again after this, and an owner told of its newer version.
const ONCE_A_SECOND: Duration = Duration::from_secs(1);

/// Most cards that are asked for after one datagram: as many reports as fit into the largest.
pub(super) const WANTED_MAX: usize = 64;

/// What taking the records of one datagram came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken {
    /// What its sender says as the origin, and what is held now in just this version: it may be relayed.
    pub origins: Vec<Item>,
    /// How many cards were news.
    pub new_cards: usize,
}

impl Node {
    /// Takes what may be taken of `records`.
    pub(super) fn take(
        &mut self,
        now: Timestamp,
        sender: &Sender,
        lag: Duration,
        mut records: Vec<Aged<Record>>,
    ) -> Taken {
        let mut taken = Taken::default();
        let mut wanted: Vec<NodeId> = Vec::new();
        let origin = sender.member.or_else(|| whose_session(&records, sender.session));
        // A card may be old while its host is not: the youngest of what came together counts. Cards first,
        // so that a report finds the card that came with it.
        let mut signs_of_life: BTreeMap<NodeId, Age> = BTreeMap::new();
        for record in &records {
            let youngest = signs_of_life.entry(record.value.id()).or_insert(record.age);
            *youngest = (*youngest).min(record.age);
        }
        records.sort_by_key(|record| !matches!(record.value, Record::Card(_)));
        for Aged { age, value } in records {
            let id = value.id();
            let made = now.before(lag).before(age.as_duration());
            if id == self.me.id {
                self.hear_of_myself(now, made, &value);
                continue;
            }
            let sign = signs_of_life.get(&id).copied().unwrap_or(age);
            if !self.may_take(now, now.before(lag).before(sign.as_duration()), &value) {
                continue;
            }
            let item = Item::of(&value);
            let is_origin = match &value {
                Record::Suspicion(suspicion) => origin == Some(suspicion.by),
                Record::Report(_) | Record::Card(_) | Record::Departure(_) | Record::Unknown(_) => origin == Some(id),
            };
            let is_report = matches!(value, Record::Report(_));
            let doubt = self.doubt_of(id);
            let merged = self.roster.merge(now, made, value);
            match merged {
                Merged::News => self.after_news(now, &item, doubt, &mut taken),
                Merged::Nothing => {}
                Merged::Outdated(held) if is_origin => self.tell_owner(now, sender, id, held),
                // It can tell itself from its twin only by going above both.
                Merged::Conflicting(held) if is_origin => {
                    self.tell_owner(now, sender, id, held.next().unwrap_or(Version::MAX));
                }
                Merged::Outdated(_) | Merged::Conflicting(_) => {}
            }
            if is_origin && !matches!(merged, Merged::Outdated(_)) {
                taken.origins.push(item);
            }
            if is_report && merged == Merged::News && wanted.len() < WANTED_MAX && self.lacks_card(now, id) {
                wanted.push(id);
            }
        }
        if !wanted.is_empty() {
            self.send(now, self.reply_to(sender), Message::WantCards { ids: wanted });
        }
        taken
    }

    /// Where an answer to `sender` goes.
    pub(super) fn reply_to(&self, sender: &Sender) -> Destination {
        match sender.member.filter(|id| self.roster.get(*id).is_some_and(|host| host.card.is_some())) {
            Some(id) => Destination::Member(id),
            None => Destination::Stranger { address: sender.address, session: sender.session },
        }
    }

    /// Ages, limits and valid_ips. `alive`: when the youngest record of the host in the datagram was made.
    fn may_take(&mut self, now: Timestamp, alive: Timestamp, record: &Record) -> bool {
        let id = record.id();
        let host = self.roster.get(id);
        let horizon = self.horizon_of(id);
        let living = host.is_some_and(|host| host.newest().is_some_and(|made| now.since(made) <= horizon.removal()));
        let silence = now.since(alive);
        match record {
            Record::Card(card) => {
                // A host may be slower than those that are known here: its own T counts.
                let own = Horizon { interval: card.interval().max(horizon.interval) };
                let known_life = host.is_some_and(|host| card.version.incarnation <= host.version().incarnation);
                let is_young = living && known_life || silence <= own.entry();
                if !(self.has_place_for(card) || is_young && self.make_room_for(now, card)) {
                    self.sync.refuse(id, now.after(horizon.removal()));
                    return false;
                }
                is_young
            }
            Record::Report(_) | Record::Unknown(_) => {
                let room = host.is_some() || self.roster.len() < self.settings.hosts_max;
                room && !self.sync.refuses(id, now) && (living || silence <= horizon.entry())
            }
            // Tombstones and doubts about unknown hosts would be a way to fill the table.
            Record::Departure(_) => host.is_some() && silence <= horizon.tombstone(),
            Record::Suspicion(_) => host.is_some() && silence <= horizon.removal(),
        }
    }

    fn has_place_for(&self, card: &Card) -> bool {
        let address = card.endpoint.address;
        let host = self.roster.get(card.id);
        let held = host.and_then(|host| host.card.as_ref()).map(|held| held.record.endpoint);
        let room = host.is_some() || self.roster.len() < self.settings.hosts_max;
        let place = held.is_some() || self.roster.at_address(address).len() < HOSTS_PER_ADDRESS_MAX;
        // Two addresses with one id: the owner of the higher one draws another salt (rule 6).
        let keeps_id = held.is_none_or(|held| (held.address, held.port) == (address, card.endpoint.port));
        self.settings.valid.accepts(address) && room && place && keeps_id
    }

    /// Another id of the card's address and port that is not offered makes room: ids that a forger spoilt, one after
    /// the other, must not keep out the host that lives there.
    fn make_room_for(&mut self, now: Timestamp, card: &Card) -> bool {
        let age_of_the_gone = |id: &NodeId| {
            let host = self.roster.get(*id).filter(|_| *id != self.me.id && *id != card.id)?;
            let is_there = host.card.as_ref().is_some_and(|held| held.record.endpoint.port == card.endpoint.port);
            (is_there && !self.state_of(now, *id, host).is_offered()).then(|| (host.newest(), *id))
        };
        let gone = self.roster.at_address(card.endpoint.address).iter().filter_map(age_of_the_gone).min();
        let Some((_, gone)) = gone else { return false };
        self.forget(gone);
        self.census.outdate();
        self.has_place_for(card)
    }

    /// The suspicion that takes a host from the offer, where there is one.
    fn doubt_of(&self, id: NodeId) -> Option<NodeId> {
        let host = self.roster.get(id)?;
        host.suspicion.as_ref().filter(|_| host.is_doubted()).map(|held| held.record.by)
    }

    fn after_news(&mut self, now: Timestamp, item: &Item, doubted_by: Option<NodeId>, taken: &mut Taken) {
        if item.is_card() {
            taken.new_cards += 1;
            self.admit(item.id);
            self.join.learned(item.id);
            self.census.outdate();
        } else if item.is_departure() || item.is_suspicion() || !self.census.is_living(item.id) {
            self.census.outdate();
        }
        if let Some(by) = doubted_by
            && self.doubt_of(item.id).is_none()
        {
            self.census.outdate();
            if by == self.me.id {
                self.was_refuted(now, item.id);
            }
        }
    }

    /// The sealing must know where a member is, its session and its keys.
    fn admit(&mut self, id: NodeId) {
        let Some(held) = self.roster.get(id).and_then(|host| host.card.as_ref()) else { return };
        let card = &held.record;
        self.out.push(Output::Admit(Member {
            id,
            address: card.endpoint.socket(),
            session: card.session,
            key_ids: card.key_ids.clone(),
        }));
    }

    /// Whether the card of `id` should be asked for now.
    pub(super) fn lacks_card(&mut self, now: Timestamp, id: NodeId) -> bool {
        let Some(host) = self.roster.get_mut(id) else { return false };
        if host.card_is_current() || host.card_asked.is_some_and(|asked| now.since(asked) < ONCE_A_SECOND) {
            return false;
        }
        host.card_asked = Some(now);
        true
    }

    /// Rule 6: who says something about itself that is older than what is held is told so.
    fn tell_owner(&mut self, now: Timestamp, sender: &Sender, id: NodeId, version: Version) {
        let Some(host) = self.roster.get_mut(id) else { return };
        if host.owner_told.is_none_or(|told| now.since(told) >= ONCE_A_SECOND) {
            host.owner_told = Some(now);
            // The card that is held may be of another life: answer to where this one speaks from.
            let to = Destination::Stranger { address: sender.address, session: sender.session };
            let to = if sender.member == Some(id) { Destination::Member(id) } else { to };
            self.send(now, to, Message::YourVersion { version });
        }
    }
}

/// The host among `records` whose card says that it seals with `session`: it speaks for itself.
fn whose_session(records: &[Aged<Record>], session: SessionId) -> Option<NodeId> {
    records.iter().find_map(|record| match &record.value {
        Record::Card(card) if card.session == session => Some(card.id),
        Record::Card(_) | Record::Report(_) | Record::Departure(_) | Record::Suspicion(_) | Record::Unknown(_) => None,
    })
}
