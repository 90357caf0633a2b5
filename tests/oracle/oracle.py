"""What the KPIs of a set of events are, computed the slow and obvious way from the catalogue's definitions.

It shares no code with the engine and none of its ideas: no registers, no differences, no buckets. It takes all events, keeps the
last image of each record, lists the facts that these images state, and adds up those that lie in a window. Where the two
disagree the definitions decide, and nobody wins by default: a difference is a bug in one of them until it is understood.

Money and counts are exact (integers of 1/10,000, Python's unbounded ones); quotients are rounded half to even once.
"""
import bisect
import calendar as months
import collections
import datetime as dt
import fractions
import math
import zoneinfo

UTC = dt.timezone.utc
DAY = 86_400_000
UNIT = 10_000
MINUTE = 60_000
MATURITY, QUALIFIED_MATURITY, FCR, CALL_EFFECT = 30 * DAY, 90 * DAY, 7 * DAY, 7 * DAY
CONTACT_WITHIN, ANSWER_WITHIN, STAGE_AGE = 5 * MINUTE, 20_000, 30 * DAY
SECOND = UNIT // 1000  # a millisecond, of which a second is a unit
NONE = "(none)"

ROLLING = {"1h": 3_600_000, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "90d": 90 * DAY}
TO_DATE = {"today": "day", "week_to_date": "week", "month_to_date": "month", "quarter_to_date": "quarter", "year_to_date": "year"}


# ---- the last image of each record ------------------------------------------------------------------------

RANK = {"DELETE": 1, "UNDELETE": 2}
PERSONAL = {"lead": {"disqualify_reason": None}, "call": {"customer_key": None},
            "interaction": {"conversation_id": None}}  # of what is read here: ERASE takes it


def order(event):
    return (event["source_version"], event["occurred_at"], RANK.get(event["op"], 0), event["event_id"])


def has_body(event):
    if event["op"] in ("CREATE", "UPDATE", "SNAPSHOT", "MERGE"):
        return True
    envelope = {"event_id", "tenant_id", "entity_id", "op", "occurred_at", "ingested_at", "source", "source_version", "actor_id",
                "merged_ids", "excluded", "ext", "type"}
    return event["op"] == "UNDELETE" and any(v not in (None, []) for k, v in event.items() if k not in envelope)


class Record:
    __slots__ = ("key", "image", "deleted", "merged", "closings", "versions")

    def __init__(self, key):
        self.key = key
        self.image = None
        self.deleted = False
        self.merged = None
        self.closings = {}
        self.versions = []


def close_time(image):
    return image["won_at"] or image["lost_at"] or image["closed_at"]


def closed_at(opportunity):
    return None if opportunity["status"] == "OPEN" else close_time(opportunity)


def records_of(events):
    """(tenant, type, id) -> Record, from events in any order, repeated or not."""
    seen = {}
    for e in events:
        by_order = seen.setdefault((e["tenant_id"], e["type"], e["entity_id"]), {})
        by_order[order(e)] = e
    merges = collections.defaultdict(list)
    records = {}
    for key, by_order in seen.items():
        record = records[key] = Record(key)
        keys = sorted(by_order)
        for k in keys:
            e = by_order[k]
            if e["op"] != "ERASE":
                record.deleted = e["op"] == "DELETE"
            if e["op"] == "UNDELETE":
                merges[key].append((e["occurred_at"], e["event_id"], None))
            if e["op"] == "MERGE":
                for loser in e["merged_ids"]:
                    if loser and loser != key[2]:
                        merges[(key[0], key[1], loser)].append((e["occurred_at"], e["event_id"], key))
            if not has_body(e):
                continue
            record.image = e
            record.versions.append(e)
            if key[1] == "deal" and e["won_at"] is not None:
                record.closings.setdefault(e["won_at"], (e["owner_id"], e["team_id"]))
            if key[1] == "opportunity":
                if close_time(e) is not None and e["status"] != "OPEN":
                    record.closings.setdefault(close_time(e), (e["owner_id"], e["team_id"]))
        if record.image and any(e["op"] == "ERASE" for e in by_order.values()):
            record.image = {**record.image, **PERSONAL.get(key[1], {})}
    for key, named in merges.items():
        if key in records:
            records[key].merged = max(named, key=lambda n: n[:2])[2]
    return records


def visits(record):
    """(stage, owner, entered, left, exit) of each stay in a stage. How it ended («Closed Lost») is no stage: one that it was never OPEN in,
    entered when it closed or later. A stage that the same one follows was corrected by it."""
    entries = {}
    for v in record.versions:  # in the order of the versions
        if v["stage_id"] and v["stage_entered_at"] is not None:
            entry = entries.setdefault((v["stage_id"], v["stage_entered_at"]), [v, v, 0])
            entry[1], entry[2] = v, order(v)
    closed_at = [close_time(v) for v in record.versions if v["status"] != "OPEN" and close_time(v) is not None]
    open_in = {(v["pipeline_id"], v["stage_id"]) for v in record.versions if v["status"] == "OPEN"}
    stays = []
    for begun, last, _ in sorted(entries.values(), key=lambda e: e[2]):
        stage = (last["pipeline_id"], last["stage_id"])
        if stage not in open_in and any(at <= last["stage_entered_at"] for at in closed_at):
            continue
        if stays and stays[-1][0] == stage:
            stays.pop()
        stays.append((stage, begun["owner_id"], last["stage_entered_at"], last["stage_order"]))
    image = record.image
    for i, (stage, owner, entered, rank) in enumerate(stays):
        if i + 1 < len(stays):
            (pipeline, _), _, left, rank_after = stays[i + 1]
            how = "MOVED_PIPELINE" if pipeline != stage[0] else "BACK" if rank_after < rank else "ADVANCED"
        else:
            how = image["status"] if image["status"] in ("WON", "LOST") else "OPEN"
            left = close_time(image) if how != "OPEN" else None
        yield "/".join(stage), owner, entered, None if left is None else max(left, entered), how


# ---- the world: records with their references -------------------------------------------------------------

class World:
    def __init__(self, events):
        self.records = records_of(events)
        self.streams = collections.defaultdict(set)
        for e in events:
            self.streams[e["tenant_id"]].add(e["type"])

    def root(self, key):
        seen = set()
        while key in self.records and self.records[key].merged and key not in seen:
            seen.add(key)
            key = self.records[key].merged
        return key

    def find(self, tenant, kind, name):
        """The image of what a record refers to, also of a deleted one; None without one."""
        if not name:
            return None
        record = self.records.get(self.root((tenant, kind, name)))
        return record.image if record else None

    def live(self, kind):
        for key, record in self.records.items():
            if key[1] == kind and record.image and not record.deleted and not record.image["excluded"] and not record.merged:
                yield key, record

    def name(self, tenant, kind, name):
        return self.root((tenant, kind, name))[2] if name else None


def team_at(rep, day):
    """The team of the membership that began last of those that the day is in; day None: of all."""
    best, team = None, None
    for m in (rep["memberships"] if rep else []):
        if day is not None and (m["from"] > day or (m["to"] is not None and m["to"] < day)):
            continue
        if best is None or m["from"] >= best:
            best, team = m["from"], m["team_id"]
    return team


class Zone:
    """Local days of one time zone."""

    def __init__(self, name):
        self.zone = zoneinfo.ZoneInfo(name)
        self.starts = {}

    def local(self, ms):
        return dt.datetime.fromtimestamp(ms // 1000, UTC).astimezone(self.zone)

    def day(self, ms):
        return (self.local(ms).date() - dt.date(1970, 1, 1)).days

    def start(self, day):
        """The instant at which a local day begins."""
        if day not in self.starts:
            date = dt.date(1970, 1, 1) + dt.timedelta(days=day)
            self.starts[day] = self.instant(date, dt.time(0))
        return self.starts[day]

    def instant(self, date, time):
        naive = dt.datetime.combine(date, time)
        at = naive.replace(tzinfo=self.zone, fold=0)
        utc = at.astimezone(UTC)
        if utc.astimezone(self.zone).replace(tzinfo=None) != naive:  # a gap: the first instant after it
            before = naive.replace(tzinfo=self.zone, fold=1).utcoffset()
            after = naive.replace(tzinfo=self.zone, fold=0).utcoffset()
            utc = (naive - max(before, after)).replace(tzinfo=UTC)
            while utc.astimezone(self.zone).replace(tzinfo=None) < naive:
                utc += dt.timedelta(minutes=1)
        return int(utc.timestamp() * 1000)

    def first_day(self, unit, day):
        date = dt.date(1970, 1, 1) + dt.timedelta(days=day)
        if unit == "day":
            return day
        if unit == "week":
            return day - date.weekday()
        month = {"month": date.month, "quarter": (date.month - 1) // 3 * 3 + 1, "year": 1}[unit]
        return (dt.date(date.year, month, 1) - dt.date(1970, 1, 1)).days

    def shift(self, unit, first, k):
        if unit in ("day", "week"):
            return first + k * (1 if unit == "day" else 7)
        date = dt.date(1970, 1, 1) + dt.timedelta(days=first)
        total = date.year * 12 + date.month - 1 + k * {"month": 1, "quarter": 3, "year": 12}[unit]
        return (dt.date(total // 12, total % 12 + 1, 1) - dt.date(1970, 1, 1)).days

    def like(self, unit, ms, back=1):
        """The matching instant in the period so many before."""
        local = self.local(ms)
        day = self.day(ms)
        first = self.first_day(unit, day)
        previous, end = self.shift(unit, first, -back), self.start(self.shift(unit, first, 1 - back))
        if unit in ("day", "week"):
            target = previous + day - first
        else:
            date = local.date()
            total = date.year * 12 + date.month - 1 - back * {"month": 1, "quarter": 3, "year": 12}[unit]
            year, month = total // 12, total % 12 + 1
            if date.day > months.monthrange(year, month)[1]:
                return min(self.start((dt.date(year + month // 12, month % 12 + 1, 1) - dt.date(1970, 1, 1)).days), end)
            target = (dt.date(year, month, date.day) - dt.date(1970, 1, 1)).days
        date = dt.date(1970, 1, 1) + dt.timedelta(days=target)
        return min(self.instant(date, local.time().replace(tzinfo=None)), end)


# ---- facts ------------------------------------------------------------------------------------------------

def credit(deal, winner):
    """Who gets what of a deal's amount: revenue splits, the rest to the winner, largest remainder."""
    parts = collections.OrderedDict()
    for split in deal["splits"]:
        if split["rep_id"] and split["credit_pct"] > 0 and (split["role"] or "").upper() in ("", "REVENUE", "OWNER", "PRIMARY"):
            parts[split["rep_id"]] = parts.get(split["rep_id"], 0) + split["credit_pct"]
    total = sum(parts.values())
    if total < 100 * UNIT:
        parts[winner] = parts.get(winner, 0) + 100 * UNIT - total
    refund = deal["amount"] if deal["refund_amount"] is None else deal["refund_amount"]
    percents = list(parts.values())
    return list(zip(parts, parts_of(deal["amount"], percents), parts_of(refund, percents)))


Fact = collections.namedtuple("Fact", "tenant measure at amount currency rep team source stage reason queue channel scope", defaults=(None,))


def parts_of(whole, percents):
    """Whole numbers in proportion to the percentages that add up to `whole`; the largest remainders get what rounding down leaves."""
    total, size = sum(percents), abs(whole)
    down = [size * p // total for p in percents]
    order_of = sorted(range(len(percents)), key=lambda i: (-(size * percents[i] % total), i))
    for i in order_of[:size - sum(down)]:
        down[i] += 1
    return [d if whole >= 0 else -d for d in down]


class Rates:
    """What money of another currency is worth in the company's own: by the last rate of this very pair from before the time, if it is not too old."""

    SCALE = 100_000_000

    def __init__(self, world, currency_of, max_age):
        self.currency_of, self.max_age = currency_of, max_age
        self.pairs = collections.defaultdict(list)
        for key, record in world.live("fx_rate"):
            rate = record.image
            self.pairs[key[0], rate["base"], rate["quote"]].append((rate["valid_from"], key[2], int(rate["rate"].scaleb(8))))
        for rates in self.pairs.values():
            rates.sort()

    def rate(self, tenant, currency, at):
        known = [r for r in self.pairs.get((tenant, currency, self.currency_of(tenant)), ()) if r[0] <= at]
        return known[-1][2] if known and at - known[-1][0] <= self.max_age else None

    def convert(self, tenant, currency, at, parts):
        """The parts of one whole: this is converted, half to even; each gets what it is worth rounded down, and the largest remainders the rest."""
        if at is None or currency in ("", self.currency_of(tenant)):
            return currency, parts
        rate = self.rate(tenant, currency, at)
        if rate is None:
            return currency, parts
        exact = [part * rate for part in parts]
        down = [e // self.SCALE for e in exact]
        order_of = sorted(range(len(parts)), key=lambda i: (-(exact[i] % self.SCALE), i))
        for i in order_of[:half_even(sum(exact), self.SCALE) - sum(down)]:
            down[i] += 1
        return self.currency_of(tenant), down


def first(*values):
    return next((v for v in values if v is not None), None)


def is_won(deal):
    return deal["status"] in ("WON", "REFUNDED")


def least(values, key, at):
    if at is not None:
        values[key] = min(values.get(key, at), at)


def is_request(call):
    """A customer's call, not a leg of one."""
    return call["direction"] == "INBOUND" and call["parent_call_id"] is None


class Facts:
    def __init__(self, world, zone_of, rates, works):
        self.w = world
        self.works = works  # of a day, whether it is a working day
        self.rates = rates
        self.zone_of = zone_of
        self.facts = []
        self.stocks = []  # (Fact, until)
        self.leads_of = collections.defaultdict(set)
        self.link_leads()
        self.primary = {}
        self.first_won = {}
        self.lead_won = {}
        self.lead_opportunity = {}
        self.lead_paid, self.first_touch, self.first_inbound, self.first_talk = {}, {}, {}, {}
        self.requests = collections.defaultdict(list)  # (tenant, customer's key) -> (initiated_at, id) of inbound root calls
        self.derive()
        for kind in ("deal", "opportunity", "lead", "rep", "call", "interaction", "visit", "ticket", "spend", "target", "agent_state"):
            for key, record in world.live(kind):
                getattr(self, kind)(key, record)
        self.unknown_leads()
        self.customers()
        self.first_replies()

    def add(self, tenant, measure, at, amount=UNIT, currency="", rep=None, team=None, source=None, stage=None, reason=None, queue=None,
            channel=None, rate_at=None):
        if at is not None:
            if currency:
                currency, [converted] = self.rates.convert(tenant, currency, first(rate_at, at), [amount])
                amount = amount if measure == "deals_with_amount" else converted
            self.facts.append(Fact(tenant, measure, at, amount, currency, rep or NONE, team or NONE, source or NONE, stage or NONE,
                                   reason or NONE, queue or NONE, channel or NONE))

    def lasts(self, tenant, measure, at, until, **dims):
        """A stock: one from `at` to `until`."""
        if at is not None:
            fact = Fact(tenant, measure, at, UNIT, "", *(dims.get(d) or NONE for d in Fact._fields[5:-1]))
            self.stocks.append((fact, 1 << 60 if until is None else until))

    # links: the union of lead.opportunity_id and opportunity.lead_id; the primary lead is the earliest created, then id

    def link_leads(self):
        w = self.w
        for key, record in w.records.items():
            if not record.image or record.deleted or record.image["excluded"]:
                continue
            if key[1] == "lead" and record.image["opportunity_id"]:
                self.leads_of[w.root((key[0], "opportunity", record.image["opportunity_id"]))].add(w.root(key))
            if key[1] == "opportunity" and record.image["lead_id"]:
                self.leads_of[w.root(key)].add(w.root((key[0], "lead", record.image["lead_id"])))

    def lead_of_opportunity(self, tenant, name):
        if not name:
            return None
        key = self.w.root((tenant, "opportunity", name))
        best = None
        for lead in self.leads_of.get(key, ()):
            record = self.w.records.get(lead)
            created = record.image["created_at"] if record and record.image else None
            rank = (created is None, created or 0, lead[2])
            if best is None or rank < best[0]:
                best = (rank, lead)
        return best[1] if best else None

    def lead_of_deal(self, key, deal):
        if deal["lead_id"]:
            return self.w.root((key[0], "lead", deal["lead_id"]))
        return self.lead_of_opportunity(key[0], deal["opportunity_id"])

    def customer(self, key, deal):
        name = deal["account_id"] or (deal["contact_id"] and "contact:" + deal["contact_id"])
        return self.w.root((key[0], "account", name)) if name else None

    def derive(self):
        for key, record in self.w.live("deal"):
            deal = record.image
            if not is_won(deal) or deal["won_at"] is None:
                continue
            customer, lead = self.customer(key, deal), self.lead_of_deal(key, deal)
            if customer:
                self.first_won[customer] = min(self.first_won.get(customer, deal["won_at"]), deal["won_at"])
            if lead:
                self.lead_won[lead] = min(self.lead_won.get(lead, deal["won_at"]), deal["won_at"])
        for key, record in self.w.live("deal"):
            lead = self.lead_of_deal(key, record.image)
            if lead and is_won(record.image):
                least(self.lead_paid, lead, record.image["first_paid_at"])
        for key, record in self.w.live("call"):
            call = record.image
            if is_request(call) and call["customer_key"]:
                self.requests[key[0], call["customer_key"]].append((call["initiated_at"], key[2]))
            if call["lead_id"]:
                lead = self.w.root((key[0], "lead", call["lead_id"]))
                if call["direction"] in ("OUTBOUND", "INBOUND"):
                    least(self.first_touch if call["direction"] == "OUTBOUND" else self.first_inbound, lead, call["initiated_at"])
                if call["disposition"] == "CONNECTED":
                    least(self.first_talk, lead, call["initiated_at"])
        for key, record in self.w.live("interaction"):
            i = record.image
            if i["lead_id"] and i["direction"] == "OUTBOUND" and not i["automated"] and i["channel"] != "NOTE":
                least(self.first_touch, self.w.root((key[0], "lead", i["lead_id"])), i["completed_at"])
        for names in self.requests.values():
            names.sort()
        for key, record in self.w.live("opportunity"):
            created = record.image["created_at"]
            for lead in self.leads_of.get(key, ()):
                if created is not None:
                    self.lead_opportunity[lead] = min(self.lead_opportunity.get(lead, created), created)

    def lead_source(self, key):
        record = self.w.records.get(key) if key else None
        return record.image["source_channel"] if record and record.image else None

    def team(self, tenant, team, rep, at):
        if team is not None:
            return team
        return team_at(self.w.find(tenant, "rep", rep), self.zone_of(tenant).day(at) if at is not None else None)

    def deal(self, key, record):
        deal, tenant = record.image, key[0]
        opportunity = self.w.find(tenant, "opportunity", deal["opportunity_id"])
        self.mismatch(tenant, deal, opportunity)
        if not is_won(deal) or deal["won_at"] is None:
            return
        at = deal["won_at"]
        owner, team = record.closings.get(at, (None, None))
        winner = deal["owner_at_win_id"] or owner
        team = self.team(tenant, deal["team_at_win_id"] or team, winner, at)
        customer = self.customer(key, deal)
        account = self.w.records.get(customer) if customer else None
        account = account.image if account else None
        lead = self.lead_of_deal(key, deal)
        source = first(deal["source_channel"], opportunity and opportunity["source_channel"],
                       self.lead_source(lead), account and account["source_channel"], "(unknown)")
        new = customer is not None and self.is_new(tenant, self.first_won[customer], at, account)
        kinds = [""] + ["new_"] * new + {"UPSELL": ["upsell_"], "CROSS_SELL": ["cross_sell_"]}.get(deal["deal_type"], [])
        refunded = deal["refunded_at"] if deal["status"] == "REFUNDED" else None
        reps, amounts, refunds = zip(*credit(deal, winner))
        for measure, when, parts in (("won_revenue", at, amounts), ("refunds", refunded, refunds)):
            currency, parts = self.rates.convert(tenant, deal["currency"], at, parts)  # a refund, too, at the rate of the win
            for rep, part in zip(reps, parts):
                for kind in kinds:
                    self.add(tenant, kind + measure, when, part, "" if when is None else currency, rep, team, source)
        mine = dict(rep=winner, team=team, source=source)
        money = dict(mine, currency=deal["currency"], rate_at=at)
        self.add(tenant, "won_deals", at, **mine)
        if deal["amount"] is not None:
            self.add(tenant, "won_amount", at, deal["amount"], **money)
            self.add(tenant, "deals_with_amount", at, **money)
        self.add(tenant, "refunded_amount", refunded, first(deal["refund_amount"], deal["amount"]), **money)
        if deal["list_amount"] is not None and deal["list_amount"] > 0:
            self.add(tenant, "discount", at, deal["list_amount"] - deal["amount"], **money)
            self.add(tenant, "list_price", at, deal["list_amount"], **money)
        if deal["margin_amount"] is not None:
            self.add(tenant, "margin", at, deal["margin_amount"], **money)
            self.add(tenant, "margin_base", at, deal["amount"], **money)
        began = first(opportunity and opportunity["created_at"], deal["created_at"])
        if began is not None and at >= began:
            self.add(tenant, "cycle_time", at, (at - began) * SECOND, **mine)
            self.add(tenant, "cycle_deals", at, **mine)
        lead = self.w.records.get(lead) if lead else None
        if lead and lead.image and at >= lead.image["created_at"]:
            self.add(tenant, "lead_cycle_time", at, (at - lead.image["created_at"]) * SECOND, **mine)
            self.add(tenant, "lead_cycle_deals", at, **mine)
        if customer:
            self.add(tenant, "buyers", at, customer)
            if not new:
                self.add(tenant, "repeat_buyers", at, customer)
            if deal["deal_type"] in ("UPSELL", "CROSS_SELL"):
                self.add(tenant, "expanding_customers", at, customer)

    def is_new(self, tenant, first_won, at, account):
        """On the day of the first win ever, and the account is not said to have been a customer before."""
        zone, since = self.zone_of(tenant), account and account["customer_since"]
        return zone.day(at) == zone.day(first_won) and (since is None or since >= zone.day(at))

    def mismatch(self, tenant, deal, opportunity):
        """One says that it was won, or lost, and the other does not."""
        says = {"WON": "WON", "REFUNDED": "WON", "LOST": "LOST", "CANCELLED": "LOST", "OPEN": "OPEN"}.get(deal["status"])
        if says is None or not opportunity or opportunity["status"] not in ("WON", "LOST", "OPEN") or says == opportunity["status"]:
            return
        at = first(deal["won_at"], deal["lost_at"], deal["cancelled_at"], closed_at(opportunity))
        self.add(tenant, "mismatches", at, rep=deal["owner_id"], team=self.team(tenant, deal["team_id"], deal["owner_id"], None))

    def customers(self):
        """Accounts, known or only referred to: when they first won, and since when they are customers."""
        keys = set(self.first_won) | {key for key, _ in self.w.live("account")}
        for key in keys:
            record = self.w.records.get(key)
            if record and (record.deleted or record.image and record.image["excluded"]):
                continue
            won, account, zone = self.first_won.get(key), record and record.image, self.zone_of(key[0])
            since = account and account["customer_since"]
            if won is not None and self.is_new(key[0], won, won, account):
                self.add(key[0], "first_wins", won)
            times = [t for t in (won, None if since is None else zone.start(since)) if t is not None]
            self.add(key[0], "customers", min(times, default=None))
            if account:
                self.add(key[0], "lost_customers", account["churned_at"])

    def opportunity(self, key, record):
        o, tenant = record.image, key[0]
        source = first(o["source_channel"], self.lead_source(self.lead_of_opportunity(tenant, key[2])), "(unknown)")
        stage = o["pipeline_id"] + "/" + o["stage_id"]
        closed = closed_at(o)
        team = self.team(tenant, o["team_id"], o["owner_id"], None)
        mine = dict(rep=o["owner_id"], team=team, source=source, stage=stage)
        currency, amount = o["currency"] or "", o["amount"]
        created = o["created_at"]
        self.add(tenant, "opportunities_created", created, **mine)
        if amount is not None:
            self.add(tenant, "opportunities_created_value", created, amount, currency, **mine)
        if o["status"] == "WON" and closed is not None and created is not None and closed - created <= MATURITY:
            self.add(tenant, "created_won", created, **mine)
        if closed is not None:
            owner, closer_team = record.closings.get(closed, (None, None))
            closer = dict(rep=owner, team=self.team(tenant, closer_team, owner, closed), source=source)
            what = {"WON": "opportunities_won", "LOST": "opportunities_lost"}.get(o["status"])
            if what:
                self.add(tenant, what, closed, **closer)
                if amount is not None and amount > 0:
                    self.add(tenant, what + "_value", closed, amount, currency, **closer)
        for place, owner, entered, left, how in visits(record):
            where = dict(stage=place, rep=owner)
            self.add(tenant, "stage_entries", entered, **where)
            for measure, exits in (("stage_forward", ("ADVANCED", "WON")), ("stage_back", ("BACK",)), ("stage_still_in", ("OPEN",))):
                if how in exits:
                    self.add(tenant, measure, entered, **where)
            if left is None or left > entered:
                self.lasts(tenant, "stage_now", entered, left, **where)
            if left is None or left > entered + STAGE_AGE:
                self.lasts(tenant, "stage_stuck", entered + STAGE_AGE, left, **where)
            if left is not None:
                self.add(tenant, "stage_left", left, **where)
                if how in ("ADVANCED", "WON"):
                    self.add(tenant, "stage_left_forward", left, **where)
                self.add(tenant, "stage_time", left, (left - entered) * SECOND, **where)
        if o["status"] == "OPEN" or closed is not None:
            begin = created if created is not None else -(1 << 60)
            end = closed if closed is not None else 1 << 60
            changed = self.changed(record)
            if changed is not None and changed["occurred_at"] > begin:
                # A change at the clock itself waits: until it has passed, what was before it is what is open.
                before, begin = changed["before"], changed["occurred_at"]
                stage_before = before["pipeline_id"] + "/" + before["stage_id"]
                team_before = self.team(tenant, before["team_id"], before["owner_id"], None)
                self.hold(tenant, before, created, created if created is not None else -(1 << 60), begin, team_before, source, stage_before)
            if o["status"] != "OPEN" and self.open_versions(record):
                # Until it closed it was what it was said to be while it was open.
                o = self.open_versions(record)[-1]
                stage, team = o["pipeline_id"] + "/" + o["stage_id"], self.team(tenant, o["team_id"], o["owner_id"], None)
            if end > begin:
                self.hold(tenant, o, created, begin, end, team, source, stage)

    def hold(self, tenant, image, created, begin, end, team, source, stage):
        for measure, value, cur in self.worth(image):
            if cur:  # at the rate of its beginning, whenever its worth changed
                cur, [value] = self.rates.convert(tenant, cur, created, [value])
            fact = Fact(tenant, measure, begin, value, cur, image["owner_id"] or NONE, team or NONE, source or NONE, stage, NONE, NONE, NONE)
            self.stocks.append((fact, end))

    @staticmethod
    def changed(record):
        """When an open opportunity came to be as it is, and what it was; None if it was never another, or that is not its newest version."""
        *before, now = Facts.open_versions(record) or [None]
        if record.image["status"] != "OPEN" or not before or any(v["occurred_at"] >= now["occurred_at"] for v in before):
            return None
        return {"occurred_at": now["occurred_at"], "before": before[-1]}

    @staticmethod
    def open_versions(record):
        return [v for v in record.versions if v["status"] == "OPEN"]

    @staticmethod
    def worth(o):
        yield "open_opportunities", UNIT, ""
        if o["amount"] is not None:
            yield "open_value", o["amount"], o["currency"] or ""
            if o["probability"] is not None:
                yield "open_weighted", half_even(o["amount"] * o["probability"], UNIT), o["currency"] or ""

    def lead(self, key, record):
        lead, tenant = record.image, key[0]
        mine = dict(rep=lead["owner_id"], team=self.team(tenant, lead["team_id"], lead["owner_id"], None),
                    source=first(lead["source_channel"], "(unknown)"))
        created, won, opportunity = lead["created_at"], self.lead_won.get(key), self.lead_opportunity.get(key)
        paid = self.lead_paid.get(key)
        self.add(tenant, "leads_created", created, **mine)
        if opportunity is not None and opportunity - created <= MATURITY:
            self.add(tenant, "leads_created_with_opportunity", created, **mine)
        if won is not None and won - created <= MATURITY:
            self.add(tenant, "leads_created_won", created, **mine)
        if paid is not None and paid - created <= MATURITY:
            self.add(tenant, "leads_created_paid", created, **mine)
        if lead["qualification"] == "GOOD" or opportunity is not None:
            self.add(tenant, "good_leads", created, **mine)
        elif lead["qualification"] == "BAD":
            self.add(tenant, "bad_leads", created, reason=lead["disqualify_reason"], **mine)
        if lead["qualification"] == "GOOD" and lead["qualified_at"] is not None:
            self.add(tenant, "qualified_leads", lead["qualified_at"], **mine)
            if won is not None and won - lead["qualified_at"] <= QUALIFIED_MATURITY:
                self.add(tenant, "qualified_leads_won", lead["qualified_at"], **mine)
        self.reached(key, mine)
        self.first_touches(key, lead, mine)

    def reached(self, key, mine):
        """What a lead got to, and when first: also of one that only others name (S5)."""
        opportunity, talk = self.lead_opportunity.get(key), self.first_talk.get(key)
        self.add(key[0], "leads_with_opportunity", opportunity, **mine)
        self.add(key[0], "leads_won", self.lead_won.get(key), **mine)
        self.add(key[0], "leads_paid", self.lead_paid.get(key), **mine)
        self.add(key[0], "leads_talked_to", talk, **mine)
        if talk is not None and opportunity is not None and 0 <= opportunity - talk <= CALL_EFFECT:
            self.add(key[0], "leads_talked_into_one", talk, **mine)

    def first_touches(self, key, lead, mine):
        """Speed to lead, for the company from the creation, for the rep from the assignment. Whoever came by calling waits for nobody."""
        created, touch, inbound = lead["created_at"], self.first_touch.get(key), self.first_inbound.get(key)
        if inbound is not None and inbound <= created:
            return
        for prefix, since in (("", created), ("rep_", lead["assigned_at"])):
            self.add(key[0], prefix + "leads_to_touch", since, **mine)
            if since is None or touch is None or touch < since:
                continue
            self.add(key[0], prefix + "lead_wait", touch, (touch - since) * SECOND, **mine)
            if touch - since <= CONTACT_WITHIN:
                self.add(key[0], prefix + "leads_touched_fast", since, **mine)
        end = touch if touch is not None else 1 << 60
        if end > created:
            self.stocks.append((Fact(key[0], "untouched_leads", created, UNIT, "", mine["rep"] or NONE, mine["team"] or NONE,
                                     mine["source"], NONE, NONE, NONE, NONE), end))

    def unknown_leads(self):
        """S5: a lead that only opportunities, deals or calls name exists, without attributes."""
        for key in set(self.lead_won) | set(self.lead_opportunity) | set(self.lead_paid) | set(self.first_talk):
            record = self.w.records.get(key)
            if not (record and (record.image or record.deleted)):
                self.reached(key, dict(source="(unknown)"))

    def rep(self, key, record):
        rep, tenant = record.image, key[0]
        if not rep["quota_carrying"]:
            return
        zone, team = self.zone_of(tenant), team_at(rep, None)
        start = zone.start(rep["active_from"])
        end = zone.start(rep["active_to"] + 1) if rep["active_to"] is not None else 1 << 60
        self.add(tenant, "reps_started", start, team=team)
        if end > start:
            self.add(tenant, "reps_active", start, UNIT, team=team)
            if end < 1 << 60:
                self.add(tenant, "reps_active", end, -UNIT, team=team)

    def call(self, key, record):
        call, tenant = record.image, key[0]
        at = call["initiated_at"]
        mine = dict(rep=call["rep_id"], team=self.team(tenant, call["team_id"], call["rep_id"], at))
        if call["direction"] == "OUTBOUND":
            self.add(tenant, "outbound_calls", at, **mine)
            if call["disposition"] == "CONNECTED":
                self.add(tenant, "outbound_connected", at, **mine)
        if call["direction"] == "OUTBOUND" or call["answered_at"] is not None:
            self.add(tenant, "calls_worked", at, **mine)
        if call["answered_at"] is not None:
            talk = call["talk_ms"] or 0
            self.add(tenant, "handled_calls", at, **mine)
            self.add(tenant, "call_talk_time", at, talk * SECOND, **mine)
            self.add(tenant, "call_handle_time", at, (talk + (call["hold_ms"] or 0) + (call["wrap_ms"] or 0)) * SECOND, **mine)
        if is_request(call):
            self.request(key, call, mine)

    def request(self, key, call, mine):
        """A customer's call: how long it waited, and whether that was the end of it."""
        tenant, at, answered = key[0], call["initiated_at"], call["answered_at"]
        queue = dict(team=mine["team"], queue=call["queue_id"])
        if call["queued_at"] is not None:
            self.add(tenant, "offered_calls", at, **queue)
            if call["disposition"] in ("ABANDONED", "SHORT_ABANDON"):
                self.add(tenant, call["disposition"], at, **queue)
            if answered is not None and answered >= call["queued_at"]:
                self.add(tenant, "answered_calls", at, **queue)
                self.add(tenant, "wait_time", at, (answered - call["queued_at"]) * SECOND, **queue)
                if answered - call["queued_at"] <= ANSWER_WITHIN:
                    self.add(tenant, "answered_in_time", at, **queue)
        if answered is None or (not call["customer_key"] and call["resolved"] is None):
            return
        self.add(tenant, "answered_requests", at, **mine)
        others = self.requests.get((tenant, call["customer_key"]), [])
        following = bisect.bisect_right(others, (at, key[2]))
        again = others[following][0] if call["customer_key"] and following < len(others) else None
        if call["resolved"] is not False and (again is None or again - first(call["ended_at"], answered) > FCR):
            self.add(tenant, "solved_at_once", at, **mine)

    def spend(self, key, record):
        s, tenant = record.image, key[0]
        if s["category"] not in ("sales", "marketing"):
            return
        days = range(s["period_start"], s["period_end"] + 1)
        for i, day in enumerate(days):
            part = s["amount"] // len(days) + (i < s["amount"] % len(days))
            self.add(tenant, "acquisition_spend", self.zone_of(tenant).start(day), part, s["currency"],
                     channel=s["channel"] or "(unallocated)")

    def target(self, key, record):
        t, tenant = record.image, key[0]
        if t["metric"] != "won_revenue" or t["period"] != "MONTH":
            return
        days, reached, zone = range(t["period_start"], t["period_end"] + 1), 0, self.zone_of(tenant)
        dims = (t["scope_id"] or NONE, t["scope_id"] or NONE, NONE, NONE, NONE, NONE, NONE,
                {"COMPANY": C, "TEAM": T, "REP": R}.get(t["scope_type"], "nowhere"))
        working = [day for day in days if self.works(day)]
        for name, which in ("target_dates", days), ("target_days", working):
            for day in which if record.versions else ():
                self.facts.append(Fact(tenant, name, zone.start(day), UNIT, "", *dims))
                self.facts.append(Fact(tenant, name + "_over", zone.start(day + 1) - 1000, UNIT, "", *dims))
        spread = working or list(days)
        if not t["currency"]:
            return
        for i, day in enumerate(days):
            said = [v for v in record.versions if v["effective_from"] is None or v["effective_from"] <= day]
            whole = half_even(said[-1]["value"] * (UNIT if said[-1]["ramp_factor"] is None else said[-1]["ramp_factor"]), UNIT) if said else 0
            if t["pacing_curve"]:
                before, shares = reached, [p["share"] for p in t["pacing_curve"][:i + 1]]
                reached = UNIT if i + 1 == len(days) else max([before] + shares)
                part = half_even(whole * reached, UNIT) - half_even(whole * before, UNIT)
            else:
                part = whole // len(spread) + (spread.index(day) < whole % len(spread)) if day in spread else 0
            at = self.zone_of(tenant).start(day)
            currency, [part] = self.rates.convert(tenant, t["currency"], at, [part])
            self.facts.append(Fact(tenant, "target_revenue", at, part, currency, *dims))

    def interaction(self, key, record):
        i, tenant = record.image, key[0]
        at = i["completed_at"]
        if at is not None and not i["automated"]:
            mine = dict(rep=i["rep_id"], team=self.team(tenant, None, i["rep_id"], at), channel=i["channel"])
            self.add(tenant, "messages", at, **mine)
            if i["is_follow_up"]:
                self.add(tenant, "promises_kept", at, **mine)
        if i["is_follow_up"] and i["due_at"] is not None and (at is None or at > i["due_at"]):
            self.lasts(tenant, "promises_overdue", i["due_at"], at, rep=i["rep_id"], team=self.team(tenant, None, i["rep_id"], None))

    def first_replies(self):
        """Of each conversation: from the customer's first message to the first one of a person after it."""
        asked, replies = {}, collections.defaultdict(list)
        for key, record in self.w.live("interaction"):
            i = record.image
            if i["conversation_id"] is None or i["completed_at"] is None:
                continue
            place, message = (key[0], i["conversation_id"]), (i["completed_at"], key[2], i["channel"])
            if i["direction"] == "INBOUND":
                asked[place] = min(asked.get(place, message), message)
            elif i["direction"] == "OUTBOUND" and not i["automated"]:
                replies[place].append(message)
        for place, (at, name, channel) in asked.items():
            after = [reply for reply, other, _ in replies[place] if (reply, other) > (at, name)]
            if after:
                self.add(place[0], "first_replies", min(after), (min(after) - at) * SECOND, channel=channel)

    def agent_state(self, key, record):
        a, tenant = record.image, key[0]
        if a["state"] in ("AVAILABLE", "ON_CALL", "WRAP") and a["to"] is not None and a["to"] > a["from"]:
            self.add(tenant, "shift_time", a["to"], (a["to"] - a["from"]) * SECOND, rep=a["rep_id"], team=self.team(tenant, None, a["rep_id"], a["to"]))

    def visit(self, key, record):
        v, tenant = record.image, key[0]
        at = v["captured_at"]
        mine = dict(rep=v["rep_id"], team=self.team(tenant, None, v["rep_id"], at))
        self.add(tenant, "field_visits", at, **mine)
        lead = self.w.root((tenant, "lead", v["lead_id"])) if v["lead_id"] else None
        opportunity = self.w.find(tenant, "opportunity", v["opportunity_id"])
        since = first(self.lead_opportunity.get(lead), opportunity and opportunity["created_at"])
        if since is None or since >= at:
            self.add(tenant, "sales_visits", at, **mine)
            if since is not None and since - at <= MATURITY:
                self.add(tenant, "visits_that_led_on", at, **mine)

    def ticket(self, key, record):
        t, tenant = record.image, key[0]
        mine = dict(rep=t["rep_id"], team=self.team(tenant, t["team_id"], t["rep_id"], None), channel=t["channel"])
        opened, at = t["opened_at"], t["resolved_at"]
        if at is None or at > opened:
            self.lasts(tenant, "open_tickets", opened, at, **mine)
        if at is None or at < opened:
            return
        self.add(tenant, "resolved_tickets", at, **mine)
        self.add(tenant, "ticket_time", at, (at - opened) * (UNIT // 1000), **mine)
        if t["reopen_count"] > 0:
            self.add(tenant, "tickets_reopened", at, **mine)
        if t["sla_due_at"] is not None:
            self.add(tenant, "tickets_promised", at, **mine)
            if at <= t["sla_due_at"]:
                self.add(tenant, "tickets_in_time", at, **mine)
        if t["csat"] is not None:
            self.add(tenant, "answered_surveys", at, **mine)
            self.add(tenant, "satisfaction", at, t["csat"], **mine)


def half_even(num, den):
    if den < 0:
        num, den = -num, -den
    q, r = divmod(num, den)
    return q + (2 * r > den or (2 * r == den and q % 2 == 1))


# ---- metrics ----------------------------------------------------------------------------------------------

SALES = ["24h", "7d", "30d", "today", "week_to_date", "month_to_date", "quarter_to_date", "year_to_date", "all"]
REP = ["24h", "7d", "today", "week_to_date", "month_to_date", "quarter_to_date"]
GROWTH = SALES[:-1]
USUAL = ["7d", "30d", "today", "week_to_date", "month_to_date", "quarter_to_date"]
CUSTOMERS = ["30d", "month_to_date", "quarter_to_date", "year_to_date"]
SPREAD = ["30d", "month_to_date", "quarter_to_date", "all"]
CALLS = ["1h", "24h", "7d", "today", "week_to_date", "month_to_date"]
COHORT = ["30d", "month_to_date", "quarter_to_date"]
SPEED, FAST = ["7d", "30d", "today", "month_to_date"], ["7d", "30d", "today", "week_to_date", "month_to_date"]
C, T, R, S, G, Q, GR, WHY, H = (), ("team",), ("rep",), ("source",), ("stage",), ("queue",), ("stage", "rep"), ("reason",), ("channel",)
DAYS = ["7d", "30d", "today", "week_to_date", "month_to_date"]


class Metric:
    """num and den are lists of (sign, measure); den None: the value is num. "opening:m" is all of m before the window. kind: percent,
    money, count, days, seconds. cohort: how old it must be, None for others. quantile: of num's values instead of their sum."""

    def __init__(self, name, kind, num, den, windows, groups, streams, **options):
        self.name, self.kind, self.num, self.den, self.windows, self.groups = name, kind, num, den, windows, groups
        self.streams = streams.split()
        self.cohort = options.get("cohort")
        self.growth = options.get("growth", False)
        self.lost_value = options.get("lost_value", False)
        self.min_sample = options.get("min_sample", 0)
        self.quantile = options.get("quantile")
        self.empty = options.get("empty")
        self.min_share = options.get("min_share")
        self.with_year = options.get("with_year")  # compared with the year before, or 52 weeks
        self.sample = options.get("sample")  # of which a formula wants min_sample facts in the trailing time
        self.floor = options.get("floor")  # the numerator is at least 0
        self.trails = options.get("trails")  # … whose second argument is of so many days behind now
        self.formula = options.get("formula")  # of what ratios of sums do not say: from totals to a Fraction, None where it divides by zero
        self.measures = {m.removeprefix("opening:").removeprefix("full:") for _, m in num + (den or [])} | ({"opportunities_lost_value"} if self.lost_value else set())


def plus(*names):
    return [(1, n) for n in names]


def less(*names):
    """The first, without the others."""
    return [(1, names[0])] + [(-1, n) for n in names[1:]]


def divided(value, *by):
    for b in by:
        if value is None or not b:
            return None
        value = fractions.Fraction(value) / b
    return value


def velocity(open_now, of):
    rate = divided(of("opportunities_won"), of("opportunities_won") + of("opportunities_lost"))
    purchase = divided(of("won_amount") - of("refunded_amount"), of("won_deals"))
    days = divided(of("cycle_time"), of("cycle_deals"), 86400)
    return None if rate is None or purchase is None else divided(open_now("open_opportunities") * rate * purchase, days)


def slowdown(total, usual):
    """How far the share that goes on is below the usual one."""
    now, before = divided(total("stage_left_forward"), total("stage_left")), divided(usual("stage_left_forward"), usual("stage_left"))
    return None if now is None or before is None else before - now


def predicted(total, year):
    """What a customer brings in a year, for as long as one stays, times the margin."""
    start = total("customers") - year("customers") - total("lost_customers") + year("lost_customers")
    stays = divided(start, max(year("lost_customers"), fractions.Fraction(start) / 5))
    brings = divided((year("won_revenue") - year("refunds")) * UNIT, year("buyers"))
    margin = divided(year("margin"), year("margin_base"))
    return None if None in (stays, brings, margin) else stays * brings * margin


def deals_needed(total, behind):
    missing = max(total("full:target_revenue") - total("won_revenue") + total("refunds"), 0)
    return divided(missing, divided(behind("won_amount") - behind("refunded_amount"), behind("won_deals")), UNIT)


def whole(value):
    return None if value is None else math.ceil(value) * UNIT


def leads_needed(total, behind):
    conversion = divided(behind("leads_created_won", 180, 30), behind("leads_created", 180, 30))
    return whole(divided(deals_needed(total, behind), conversion))


def activities_needed(measure):
    def needed(total, behind):
        deals, each = deals_needed(total, behind), divided(behind(measure), behind("won_deals"))
        return None if deals is None or each is None else whole(deals * each)
    return needed


def days_left_for_leads(total, behind):
    cycle = divided(behind("cycle_time"), behind("cycle_deals"), 86400)
    return None if cycle is None else total("full:target_dates") - total("target_dates_over") - cycle * UNIT


NEEDED = ["full:target_revenue", "won_revenue", "refunds", "won_amount", "refunded_amount", "won_deals"]
PERIODS = ["today", "week_to_date", "month_to_date", "quarter_to_date", "year_to_date"]
NET, NEW = less("won_revenue", "refunds"), less("new_won_revenue", "new_refunds")
EXISTING = NET + [(-sign, m) for sign, m in NEW]
METRICS = [
    Metric("won_revenue", "money", NET, None, SALES, [C, T, S], "deal"),
    Metric("refunds", "money", plus("refunds"), None, USUAL, [C, T, R], "deal"),
    Metric("rep_revenue", "money", NET, None, REP, [R], "deal"),
    Metric("revenue_per_rep", "money", NET, plus("opening:reps_active", "reps_started"), SALES, [C, T], "deal rep"),
    Metric("won_deals", "count", plus("won_deals"), None, SALES, [C, T, R, S], "deal"),
    Metric("average_purchase_value", "money", less("won_amount", "refunded_amount"), plus("deals_with_amount"), SALES, [C, T, R, S], "deal"),
    Metric("median_purchase_value", "money", plus("won_amount"), None, ["7d", "month_to_date"], [C], "deal", quantile=0.5),
    Metric("sales_growth_amount", "money", NET, None, GROWTH, [C, T, S], "deal", growth="amount"),
    Metric("sales_growth", "percent", NET, None, GROWTH, [C, T, S], "deal", growth="share"),
    Metric("sales_growth_yoy", "percent", NET, None, ["today", "7d", "30d", "week_to_date", "month_to_date", "quarter_to_date"], [C, T, S], "deal",
           growth="share", with_year=True),
    Metric("new_revenue", "money", NEW, None, SALES, [C, T, S], "deal"),
    Metric("existing_revenue", "money", EXISTING, None, SALES, [C, T, S], "deal"),
    Metric("new_revenue_share", "percent", NEW, NET, SALES, [C, T, S], "deal"),
    Metric("existing_revenue_share", "percent", EXISTING, NET, USUAL, [C, T, S], "deal"),
    Metric("new_existing_gap", "money", NEW + [(-sign, m) for sign, m in EXISTING], None, SALES, [C, T], "deal"),
    Metric("discount_rate", "percent", plus("discount"), plus("list_price"), USUAL, [C, T, R], "deal"),
    Metric("gross_margin", "percent", plus("margin"), plus("margin_base"), USUAL, [C, T, R], "deal"),
    Metric("upsell_rate", "percent", less("upsell_won_revenue", "upsell_refunds"), NET, USUAL, [C, T, R], "deal"),
    Metric("cross_sell_rate", "percent", less("cross_sell_won_revenue", "cross_sell_refunds"), NET, USUAL, [C, T, R], "deal"),
    Metric("customers_new", "count", plus("first_wins"), None, USUAL, [C], "deal"),
    Metric("expansion_customer_share", "percent", plus("expanding_customers"), plus("opening:customers", "customers"), CUSTOMERS, [C],
           "deal"),
    Metric("repeat_purchase_rate", "percent", plus("repeat_buyers"), plus("buyers"), CUSTOMERS, [C], "deal"),
    Metric("clv_historic", "money", NET, plus("buyers"), ["all"], [C], "deal"),
    Metric("retention_rate", "percent", plus("opening:customers") + [(-1, "opening:lost_customers"), (-1, "lost_customers")],
           plus("opening:customers") + [(-1, "opening:lost_customers")], CUSTOMERS, [C], "deal account"),
    Metric("clv_predicted", "money", NET + plus("buyers", "customers", "lost_customers", "margin", "margin_base"), None, ["all"], [C], "deal account",
           formula=predicted, trails=365),
    Metric("clv_to_cac", "ratio", NET + plus("buyers", "acquisition_spend", "first_wins"), None, ["all"], [C], "deal spend",
           formula=lambda total, year: divided(total("won_revenue") - total("refunds"), total("buyers"),
                                               divided(year("acquisition_spend"), year("first_wins"))), trails=365, empty="acquisition_spend"),
    Metric("sales_cycle_days", "days", plus("cycle_time"), plus("cycle_deals"), SALES, [C, T, R, S], "deal"),
    Metric("sales_cycle_days_p50", "days", plus("cycle_time"), None, SPREAD, [C, T, R], "deal", quantile=0.5),
    Metric("sales_cycle_days_p90", "days", plus("cycle_time"), None, SPREAD, [C, T, R], "deal", quantile=0.9),
    Metric("lead_cycle_days", "days", plus("lead_cycle_time"), plus("lead_cycle_deals"), USUAL, [C, T, R, S], "deal"),
    Metric("win_rate", "percent", plus("opportunities_won"), plus("opportunities_won", "opportunities_lost"), SALES, [C, T, R, S],
           "opportunity"),
    Metric("win_rate_value", "percent", plus("opportunities_won_value"), plus("opportunities_won_value", "opportunities_lost_value"),
           SALES, [C, T, R, S], "opportunity", lost_value=True),
    Metric("win_rate_cohort", "percent", plus("created_won"), plus("opportunities_created"), COHORT, [C, T, S], "opportunity",
           cohort=MATURITY),
    Metric("opportunities_new", "count", plus("opportunities_created"), None, SALES, [C, T, R, S], "opportunity"),
    Metric("opportunities_new_value", "money", plus("opportunities_created_value"), None, SALES, [C, T, S], "opportunity"),
    Metric("opportunities_open", "count", plus("open_opportunities"), None, ["now"], [C, T, R, S, G], "opportunity"),
    Metric("sales_velocity", "money", plus("open_opportunities", "opportunities_won", "opportunities_lost", "won_amount", "refunded_amount",
                                           "won_deals", "cycle_time", "cycle_deals"), None, ["now"], [C, T, R, S], "opportunity deal",
           formula=velocity, trails=90),
    Metric("pipeline_value", "money", plus("open_value"), None, ["now"], [C, T, R, S, G], "opportunity"),
    Metric("pipeline_weighted", "money", plus("open_weighted"), None, ["now"], [C, T, R, S, G], "opportunity"),
    Metric("opp_deal_mismatch", "count", plus("mismatches"), None, ["7d", "30d", "month_to_date", "all"], [C, T, R], "deal"),
    Metric("stage_conversion", "percent", plus("stage_forward"), less("stage_entries", "stage_still_in"), COHORT, [G, GR], "opportunity",
           cohort=0),
    Metric("stage_slowdown", "percent", plus("stage_left_forward", "stage_left"), None, ["7d", "30d"], [G], "opportunity", min_sample=20,
           sample="stage_left", formula=slowdown, trails=90),
    Metric("stage_back_rate", "percent", plus("stage_back"), less("stage_entries", "stage_still_in"), COHORT, [G, GR], "opportunity",
           cohort=0),
    Metric("stage_days", "days", plus("stage_time"), plus("stage_left"), COHORT, [G, GR], "opportunity"),
    Metric("stage_days_p50", "days", plus("stage_time"), None, COHORT, [G], "opportunity", quantile=0.5),
    Metric("stage_days_p90", "days", plus("stage_time"), None, COHORT, [G], "opportunity", quantile=0.9),
    Metric("stage_aging", "percent", plus("stage_stuck", "stage_now"), None, ["now"], [G, GR], "opportunity", trails=0,
           formula=lambda total, _: divided(total("stage_stuck"), total("stage_now"))),
    Metric("leads_new", "count", plus("leads_created"), None, SALES, [C, T, R, S], "lead"),
    Metric("good_leads", "count", plus("good_leads"), None, USUAL, [C, T, R, S], "lead"),
    Metric("bad_leads", "count", plus("bad_leads"), None, USUAL, [C, T, R, S, WHY], "lead"),
    Metric("lead_quality", "percent", plus("good_leads"), plus("good_leads", "bad_leads"), USUAL, [C, T, R, S], "lead"),
    Metric("lead_to_opportunity", "percent", plus("leads_with_opportunity"), plus("leads_created"), SALES, [C, T, S], "lead"),
    Metric("lead_to_opportunity_cohort", "percent", plus("leads_created_with_opportunity"), plus("leads_created"), COHORT, [C, T, S],
           "lead", cohort=MATURITY),
    Metric("lead_to_opportunity_good", "percent", plus("leads_with_opportunity"), plus("good_leads"), USUAL, [C, T, S], "lead"),
    Metric("lead_to_opportunity_workable", "percent", plus("leads_with_opportunity"), less("leads_created", "bad_leads"), USUAL, [C, T, S],
           "lead"),
    Metric("lead_to_opportunity_good_cohort", "percent", plus("leads_created_with_opportunity"), plus("good_leads"), COHORT, [C, T, S],
           "lead", cohort=MATURITY),
    Metric("lead_to_opportunity_workable_cohort", "percent", plus("leads_created_with_opportunity"), less("leads_created", "bad_leads"),
           COHORT, [C, T, S], "lead", cohort=MATURITY),
    Metric("qualified_win_rate", "percent", plus("qualified_leads_won"), plus("qualified_leads"), ["30d", "90d"] + COHORT[1:], [C, T, S],
           "lead", cohort=QUALIFIED_MATURITY, min_sample=30),
    Metric("lead_conversion", "percent", plus("leads_won"), plus("leads_created"), SALES, [C, T, S], "lead"),
    Metric("lead_conversion_cohort", "percent", plus("leads_created_won"), plus("leads_created"), COHORT, [C, T, S], "lead",
           cohort=MATURITY),
    Metric("paid_conversion", "percent", plus("leads_paid"), plus("leads_created"), USUAL, [C, T, S], "lead"),
    Metric("paid_conversion_cohort", "percent", plus("leads_created_paid"), plus("leads_created"), COHORT, [C, T, S], "lead",
           cohort=MATURITY),
    Metric("speed_to_lead_p50", "seconds", plus("lead_wait"), None, SPEED, [C, S], "lead", quantile=0.5),
    Metric("speed_to_lead_p90", "seconds", plus("lead_wait"), None, SPEED, [C, S], "lead", quantile=0.9),
    Metric("speed_to_lead_share", "percent", plus("leads_touched_fast"), plus("leads_to_touch"), FAST, [C, S], "lead", cohort=15 * MINUTE),
    Metric("rep_speed_to_lead_p50", "seconds", plus("rep_lead_wait"), None, SPEED, [T, R], "lead", quantile=0.5),
    Metric("rep_speed_to_lead_p90", "seconds", plus("rep_lead_wait"), None, SPEED, [T, R], "lead", quantile=0.9),
    Metric("rep_speed_to_lead_share", "percent", plus("rep_leads_touched_fast"), plus("rep_leads_to_touch"), FAST, [T, R], "lead",
           cohort=15 * MINUTE),
    Metric("leads_untouched", "count", plus("untouched_leads"), None, ["now"], [C, T, R, S], "lead"),
    Metric("dials", "count", plus("outbound_calls"), None, CALLS, [C, T, R], "call"),
    Metric("connect_rate", "percent", plus("outbound_connected"), plus("outbound_calls"), CALLS, [C, T, R], "call"),
    Metric("talk_time", "seconds", plus("call_talk_time"), None, CALLS, [C, T, R], "call"),
    Metric("aht", "seconds", plus("call_handle_time"), plus("handled_calls"), CALLS, [C, T, R], "call"),
    Metric("sales_target", "money", plus("full:target_revenue"), None, PERIODS, [C, T, R], "target"),
    Metric("target_attainment", "percent", NET, plus("full:target_revenue"), PERIODS, [C, T, R], "deal target"),
    Metric("plan_variance", "money", NET + [(-1, "target_revenue")], None, PERIODS[1:], [C, T, R], "deal target"),
    Metric("plan_variance_pct", "percent", NET + [(-1, "target_revenue")], plus("target_revenue"), PERIODS[1:], [C, T, R], "deal target", min_share=20),
    Metric("target_days_left", "count", plus("full:target_days") + [(-1, "target_days_over")], None, PERIODS[1:], [C, T, R], "target"),
    Metric("required_per_day", "money", plus("full:target_revenue", "refunds") + [(-1, "won_revenue")],
           plus("full:target_days") + [(-1, "target_days_over")], PERIODS[1:], [C, T, R], "deal target", floor=True),
    Metric("target_pace", "percent", NET, plus("target_revenue"), PERIODS[1:], [C, T, R], "deal target", min_share=20),
    Metric("deals_needed", "ratio", plus(*NEEDED), None, PERIODS[2:4], [C, T, R], "deal target", formula=deals_needed, trails=90,
           empty="full:target_revenue"),
    Metric("leads_needed", "count", plus(*NEEDED, "leads_created_won", "leads_created"), None, PERIODS[2:4], [C, T, R], "deal target lead",
           formula=leads_needed, trails=90, empty="full:target_revenue"),
    Metric("days_left_for_leads", "days", plus("full:target_dates", "target_dates_over", "cycle_time", "cycle_deals"), None, PERIODS[2:4],
           [C, T, R], "deal target", formula=days_left_for_leads, trails=90),
    Metric("dials_needed", "count", plus(*NEEDED, "outbound_calls"), None, PERIODS[2:4], [C, T, R], "deal target call",
           formula=activities_needed("outbound_calls"), trails=90, empty="full:target_revenue"),
    Metric("connects_needed", "count", plus(*NEEDED, "outbound_connected"), None, PERIODS[2:4], [C, T, R], "deal target call",
           formula=activities_needed("outbound_connected"), trails=90, empty="full:target_revenue"),
    Metric("visits_needed", "count", plus(*NEEDED, "field_visits"), None, PERIODS[2:4], [C, T, R], "deal target visit",
           formula=activities_needed("field_visits"), trails=90, empty="full:target_revenue"),
    Metric("marketing_spend", "money", plus("acquisition_spend"), None, USUAL, [C, H], "spend"),
    Metric("cac", "money", plus("acquisition_spend"), plus("first_wins"), USUAL, [C], "spend deal", empty="acquisition_spend"),
    Metric("interactions", "count", plus("messages"), None, DAYS, [C, T, R, H], "interaction"),
    Metric("follow_ups_done", "count", plus("promises_kept"), None, DAYS, [C, T, R], "interaction"),
    Metric("follow_ups_overdue", "count", plus("promises_overdue"), None, ["now"], [C, T, R], "interaction"),
    Metric("visits", "count", plus("field_visits"), None, DAYS, [C, T, R], "visit"),
    Metric("visit_to_opportunity", "percent", plus("visits_that_led_on"), plus("sales_visits"), COHORT, [C, T], "visit", cohort=MATURITY),
    Metric("tickets_open", "count", plus("open_tickets"), None, ["now"], [C, T, H], "ticket"),
    Metric("resolution_time", "seconds", plus("ticket_time"), plus("resolved_tickets"), DAYS, [C, T], "ticket"),
    Metric("resolution_time_p90", "seconds", plus("ticket_time"), None, ["30d", "month_to_date"], [C, T], "ticket", quantile=0.9),
    Metric("reopen_rate", "percent", plus("tickets_reopened"), plus("resolved_tickets"), DAYS, [C, T], "ticket"),
    Metric("sla_met", "percent", plus("tickets_in_time"), plus("tickets_promised"), DAYS, [C, T], "ticket"),
    Metric("csat", "ratio", plus("satisfaction"), plus("answered_surveys"), DAYS, [C, T], "ticket"),
    Metric("calls_per_rep_hour", "per hour", plus("calls_worked"), plus("shift_time"), CALLS, [C, T, R], "call agent_state"),
    Metric("first_response_p50", "seconds", plus("first_replies"), None, DAYS, [C, H], "interaction", quantile=0.5),
    Metric("first_response_p90", "seconds", plus("first_replies"), None, ["30d", "month_to_date"], [C, H], "interaction", quantile=0.9),
    Metric("asa", "seconds", plus("wait_time"), plus("answered_calls"), CALLS, [C, T, Q], "call"),
    Metric("service_level", "percent", plus("answered_in_time"), plus("answered_calls", "ABANDONED"), CALLS, [C, T, Q], "call"),
    Metric("abandonment", "percent", plus("ABANDONED"), less("offered_calls", "SHORT_ABANDON"), CALLS, [C, T, Q], "call"),
    Metric("fcr", "percent", plus("solved_at_once"), plus("answered_requests"), FAST, [C, T, R], "call", cohort=FCR),
    Metric("call_to_opportunity", "percent", plus("leads_talked_into_one"), plus("leads_talked_to"), FAST, [C, T, R, S], "lead",
           cohort=CALL_EFFECT),
]
BY_NAME = {m.name: m for m in METRICS}
RANKS = {"rep_rank": "rep_revenue", "bottleneck": "stage_slowdown", "upsell_rank": "upsell_rate", "cross_sell_rank": "cross_sell_rate"}
NOT_COMPUTED = {"heartbeat", "target_projection"}
GROUPS_OF = collections.defaultdict(set)
for _metric in METRICS:
    for _measure in _metric.measures:
        GROUPS_OF[_measure].update(_metric.groups)
DISTINCT = {"buyers", "repeat_buyers", "expanding_customers"}


class Series:
    """Amounts of one measure, currency and group in the order of time, with running sums."""

    def __init__(self):
        self.items = []
        self.times = None

    def seal(self):
        self.items.sort()
        self.times = [t for t, _ in self.items]
        self.sums = [0]
        for _, amount in self.items:
            self.sums.append(self.sums[-1] + amount)

    def between(self, start, end):
        a, b = bisect.bisect_left(self.times, start), bisect.bisect_left(self.times, end)
        return self.sums[b] - self.sums[a], b - a

    def values(self, start, end):
        return [v for _, v in self.items[bisect.bisect_left(self.times, start):bisect.bisect_left(self.times, end)]]


class Names(Series):
    """Who, instead of how much: what is between are the different ones."""

    def seal(self):
        self.items.sort()
        self.times = [t for t, _ in self.items]

    def between(self, start, end):
        values = self.values(start, end)
        return len(set(values)) * UNIT, len(values)


MONEY = {"target_revenue", "full:target_revenue", "acquisition_spend", "won_revenue", "new_won_revenue", "upsell_won_revenue", "cross_sell_won_revenue", "refunds", "new_refunds", "upsell_refunds",
         "cross_sell_refunds", "won_amount", "refunded_amount", "deals_with_amount", "discount", "list_price", "margin", "margin_base",
         "opportunities_created_value", "opportunities_won_value", "opportunities_lost_value", "open_value", "open_weighted"}


class Oracle:
    def __init__(self, events, zone_of_name, currency_of, rate_max_age=7 * DAY, works=lambda day: True):
        zones = {}

        def zone_of(tenant):
            name = zone_of_name(tenant)
            return zones.setdefault(name, Zone(name))
        self.zone_of, self.currency_of = zone_of, currency_of
        self.known_edges, self.around = {}, {}  # the same for all groups of a window or a period
        self.world = World(events)
        facts = Facts(self.world, zone_of, Rates(self.world, currency_of, rate_max_age), works)
        self.currencies = collections.defaultdict(set)
        for fact in facts.facts + [fact for fact, _ in facts.stocks]:
            if fact.measure in MONEY:
                self.currencies[fact.tenant].add(fact.currency)
        self.series = {}
        self.stock = collections.defaultdict(list)
        self.groups = collections.defaultdict(set)
        for fact in facts.facts:
            for group, key in self.keys(fact):
                place = (fact.tenant, fact.measure, fact.currency if fact.measure in MONEY else "", group, key)
                if place not in self.series:
                    self.series[place] = Names() if fact.measure in DISTINCT else Series()
                self.series[place].items.append((fact.at, fact.amount))
                self.groups[(fact.tenant, group)].add(key)
        for fact, end in facts.stocks:
            for group, key in self.keys(fact):
                self.stock[(fact.tenant, fact.measure, fact.currency if fact.measure in MONEY else "", group, key)].append(
                    (fact.at, end, fact.amount))
                self.groups[(fact.tenant, group)].add(key)
        self.stands = {measure for _, measure, *_ in self.stock}
        for series in self.series.values():
            series.seal()

    @staticmethod
    def keys(fact):
        """The groups that a metric shows it in; a group of one dimension goes by its value, one of more by all of them."""
        for group in GROUPS_OF[fact.measure]:
            if fact.scope not in (None, group):
                continue
            values = tuple(getattr(fact, dim) for dim in group)
            yield group, values if len(values) > 1 else values[0] if values else ""

    # windows: edges of the main interval, of the current and of the previous one at the comparison's resolution

    def edges(self, tenant, window, clock, mature, with_year=None):
        place = (tenant, window, clock, mature, with_year)
        if place not in self.known_edges:
            self.known_edges[place] = self.find_edges(*place)
        return self.known_edges[place]

    def find_edges(self, tenant, window, clock, mature, with_year):
        zone = self.zone_of(tenant)
        if window == "all":
            return (None, clock), None, None
        if window in ROLLING:
            length = ROLLING[window]
            res = 900_000 if length / 720 >= 900_000 else 60_000 if length / 720 >= 60_000 else 1000
            edge = clock // res * res
            end = edge - mature if mature else clock
            away = 364 * DAY if with_year else length
            return (edge - length - mature, end), (edge - length - mature, edge - mature), (edge - away - length - mature, edge - away - mature)
        unit = TO_DATE[window]
        start_day = zone.first_day(unit, zone.day(clock))
        start = zone.start(start_day)
        edge = max(clock // 900_000 * 900_000, zone.start(zone.day(clock)))
        back = {"day": 364, "week": 52, "month": 12, "quarter": 4, "year": 1}[unit] if with_year else 1
        return (start, clock), (start, edge), (zone.start(zone.shift(unit, start_day, -back)), zone.like(unit, edge, back))

    def total(self, tenant, measure, currency, group, key, span, clock):
        """sum, facts. An opening: of all before the span."""
        start, end = span
        if measure.startswith("full:"):
            measure, zone = measure.removeprefix("full:"), self.zone_of(tenant)
            first_day = zone.first_day(self.unit, zone.day(start))
            end = clock = zone.start(zone.shift(self.unit, first_day, 1))
        if measure.startswith("opening:"):
            measure, start, end = measure.removeprefix("opening:"), None, -(1 << 61) if start is None else start
        series = self.series.get((tenant, measure, currency if measure in MONEY else "", group, key))
        if not series:
            return 0, 0
        return series.between(-(1 << 61) if start is None else start, min(end, clock))

    def missing(self, metric, tenant, currency, group, key, spans, clock):
        """Whether some of its money could not be converted: in the company's currency what is of any other, in another one what there is."""
        own = self.currency_of(tenant)
        if not currency or not any(m in MONEY for m in metric.measures):
            return False
        items = [m for _, m in metric.num + (metric.den or [])] + ["opportunities_lost_value"] * metric.lost_value
        behind = []
        if metric.formula:
            items = []
            metric.formula(lambda m: items.append(m) or fractions.Fraction(1), lambda m, *_: behind.append(m) or fractions.Fraction(1))
        trailing = self.trailing(clock, metric.trails or 0)
        for other in self.currencies[tenant] - {own} if currency == own else [currency]:
            if any(m in MONEY and self.total(tenant, m, other, group, key, trailing, clock) != (0, 0) for m in behind):
                return True
            for m in items:
                if m.removeprefix("opening:").removeprefix("full:") not in MONEY:
                    continue
                if spans is None:
                    held = self.stock.get((tenant, m, other, group, key), ())
                    if any(begin < clock <= end for begin, end, _ in held):
                        return True
                elif any(self.total(tenant, m, other, group, key, span, clock) != (0, 0) for span in spans):
                    return True
        return False

    def side(self, items, *place):
        totals = [(sign, *self.total(place[0], m, *place[1:])) for sign, m in items]
        return sum(sign * amount for sign, amount, _ in totals), sum(count for _, _, count in totals)

    def parts(self, metric, *place):
        """numerator, denominator (or None), facts of the denominator, facts of the lost value."""
        num, count = self.side(metric.num, *place)
        den = None
        if metric.den is not None:
            den, count = self.side(metric.den, *place)
        lost = self.total(place[0], "opportunities_lost_value", *place[1:])[1] if metric.lost_value else 1
        return num, den, count, lost

    def finish(self, metric, *place):
        """state, value, numerator, denominator in 1/10,000 of the unit."""
        up = {"percent": 100, "per hour": 3600}.get(metric.kind, 1)
        down = {"days": 86400}.get(metric.kind, 1)
        if metric.quantile:
            return self.quantile(metric, down, *place)
        num, den, count, lost = self.parts(metric, *place)
        num = max(num, 0) if metric.floor else num
        if metric.lost_value and not lost or metric.empty and not self.total(place[0], metric.empty, *place[1:])[1]:
            return "NO_DATA", None, None, None
        if den is None:
            return "OK", half_even(num * up, down), None, None
        shown = None if metric.kind == "per hour" else half_even(num, down)  # a quotient inside a quotient has no parts
        if den == 0:
            return "ZERO_DENOMINATOR", None, shown, 0
        if count < metric.min_sample:
            return "LOW_SAMPLE", None, shown, den
        return "OK", half_even(num * UNIT * up, den * down), shown, den

    def quantile(self, metric, down, tenant, currency, group, key, span, clock):
        """The nearest rank: the value of rank ceil(q n)."""
        measure = metric.num[0][1]
        series = self.series.get((tenant, measure, currency if measure in MONEY else "", group, key))
        start, end = span
        values = sorted(series.values(-(1 << 61) if start is None else start, min(end, clock))) if series else []
        if not values:
            return "NO_DATA", None, None, None
        return "OK", half_even(values[max(0, -(-len(values) * round(metric.quantile * 10) // 10) - 1)], down), None, None

    def stand(self, tenant, measure, currency, group, key, clock):
        stock = self.stock.get((tenant, measure, currency if measure in MONEY else "", group, key), ())
        return sum(amount for begin, end, amount in stock if begin < clock <= end)

    @staticmethod
    def trailing(clock, days, lag=0):
        """So many days up to now, or up to `lag` days ago."""
        edge = clock // 900_000 * 900_000 - lag * DAY
        return edge - days * DAY, edge if lag else clock

    def formula(self, metric, tenant, currency, group, key, clock, span):
        """Of what stands now or ever was, and of what trails behind now."""
        trailing = self.trailing(clock, metric.trails)

        def total(measure):
            if measure in self.stands:
                return self.stand(tenant, measure, currency, group, key, clock)
            return self.total(tenant, measure, currency, group, key, span, clock)[0]

        def behind(measure, days=metric.trails, lag=0):
            return self.total(tenant, measure, currency, group, key, self.trailing(clock, days, lag), clock)[0]
        around = span if metric.empty and metric.empty.startswith("full:") else trailing
        if metric.empty and not self.total(tenant, metric.empty, currency, group, key, around, clock)[1]:
            return "NO_DATA", None, None, None, None
        value = metric.formula(total, behind)
        if value is None:
            return "ZERO_DENOMINATOR", None, None, None, None
        if metric.sample and self.total(tenant, metric.sample, currency, group, key, trailing, clock)[1] < metric.min_sample:
            return "LOW_SAMPLE", None, None, None, None
        up = {"ratio": UNIT, "percent": UNIT * 100}.get(metric.kind, 1)
        return "OK", half_even(value.numerator * up, value.denominator), None, None, None

    def value(self, metric, tenant, window, group, key, clock, currency=""):
        """The metric as it should read at `clock`: state, value, numerator, denominator, previous value."""
        state, *rest, before = self.converted_value(metric, tenant, window, group, key, clock, currency)
        own, spans = currency == self.currency_of(tenant), None
        if window != "now":
            main, current, previous = self.edges(tenant, window, clock, metric.cohort or 0, metric.with_year)
            spans = [current, previous] if metric.growth else [main]
            if own and previous and self.missing(metric, tenant, currency, group, key, [current, previous], clock):
                before = None
        if state in ("OK", "PARTIAL") and self.missing(metric, tenant, currency, group, key, spans, clock):
            state = "FX_MISSING"
        return state, *rest, before

    def converted_value(self, metric, tenant, window, group, key, clock, currency):
        if not set(metric.streams) <= self.world.streams[tenant]:
            return "NO_DATA", None, None, None, None
        self.unit = TO_DATE.get(window)
        if metric.formula:
            span = (None, clock) if window == "now" else self.edges(tenant, window, clock, 0)[0]
            return self.formula(metric, tenant, currency, group, key, clock, span)
        if window == "now":
            return "OK", self.stand(tenant, metric.num[0][1], currency, group, key, clock), None, None, None
        mature = metric.cohort or 0
        main, current, previous = self.edges(tenant, window, clock, mature, metric.with_year)
        if metric.growth:
            now = self.parts(metric, tenant, currency, group, key, current, clock)[0]
            before = self.parts(metric, tenant, currency, group, key, previous, clock)[0]
            if metric.growth == "amount":
                return "OK", now - before, None, None, None
            if before == 0:
                return "NO_BASE", None, now - before, 0, None
            return "OK", half_even((now - before) * UNIT * 100, abs(before)), now - before, abs(before), None
        state, value, num, den = self.finish(metric, tenant, currency, group, key, main, clock)
        if metric.cohort is not None and state == "OK" and window in TO_DATE:
            state = "PARTIAL"
        if metric.min_share and state == "OK":
            length = self.zone_of(tenant).start(self.zone_of(tenant).shift(self.unit, self.zone_of(tenant).day(main[0]), 1)) - main[0]
            if (clock - main[0]) * metric.min_share < length:
                return "LOW_SAMPLE", None, num, den, None
        before = None
        if previous:
            before = self.finish(metric, tenant, currency, group, key, previous, clock)[1]
        return state, value, num, den, before

    def closed(self, metric, tenant, unit, start, group, key, clock, currency=""):
        """The same of a whole closed period that begins at `start`."""
        state, *rest = self.converted_closed(metric, tenant, unit, start, group, key, clock, currency)
        end, prev = self.around[self.zone_of(tenant), unit, start]
        spans = [(start, end), (prev, start)] if metric.growth else [(start, end)]
        if state == "OK" and self.missing(metric, tenant, currency, group, key, spans, clock):
            state = "FX_MISSING"
        return state, *rest

    def converted_closed(self, metric, tenant, unit, start, group, key, clock, currency):
        self.unit = unit
        zone = self.zone_of(tenant)
        if (zone, unit, start) not in self.around:
            first_day = zone.day(start)
            self.around[zone, unit, start] = zone.start(zone.shift(unit, first_day, 1)), zone.start(zone.shift(unit, first_day, -1))
        end, prev = self.around[zone, unit, start]
        if metric.growth:
            now = self.parts(metric, tenant, currency, group, key, (start, end), clock)[0]
            before = self.parts(metric, tenant, currency, group, key, (prev, start), clock)[0]
            if metric.growth == "amount":
                return "OK", now - before, None, None, None
            if before == 0:
                return "NO_BASE", None, now - before, 0, None
            return "OK", half_even((now - before) * UNIT * 100, abs(before)), now - before, abs(before), None
        return *self.finish(metric, tenant, currency, group, key, (start, end), clock), None
