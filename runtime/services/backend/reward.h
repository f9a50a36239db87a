/* What the rewards' files share: the records, and the task around a member (reward.c tells of both). */
#ifndef RUNTIME_SERVICES_BACKEND_REWARD_H
#define RUNTIME_SERVICES_BACKEND_REWARD_H

#include "runtime/services/backend/backend.h"

#include "proto/reward/reward.pb-c.h"

#define REWARD_TABLE "reward"

struct reward_entry {
    char *key;     /* the caller's; "": there is none */
    char *what;    /* the rule, the offer, or the entry that is taken back: a key stands for one of them */
    char *reason;  /* for people */
    char *voucher; /* of a redemption */
    int64_t seq;   /* among the member's, from 1 */
    int64_t kind, points, created;
    bool pending; /* a redemption that has no piece of its offer yet */
};

struct reward_member {
    char *user;
    int64_t points, lifetime, created, entries;
    int64_t year, in_year;    /* what was earned in that year */
    struct backend_list days; /* a map: a rule, and "<day>:<how often>" */
    struct reward_entry open; /* the newest, which may not stand for itself yet */
};

struct reward_rule {
    char *name, *per_unit; /* "": a fixed number */
    int64_t fixed, per_day;
};

struct reward_offer {
    char *id, *title;
    int64_t points, tier, left, ends;
    struct backend_list takers; /* vouchers that have a piece and are not known to be written */
};
extern const struct backend_shape reward_members, reward_entries, reward_rules, reward_offers;

struct reward_work {
    struct task task;
    const struct micro_account *caller;
    bool operator;
    const void *request;
    char *user, *part; /* the latter in keys */
    struct reward_member member;
    uint64_t revision;                    /* 0: there is none */
    struct reward_entry entry;            /* what is moved */
    void (*begin)(struct reward_work *w); /* nothing has this key: looks whether and what is moved, and moves it */
    void (*done)(struct reward_work *w);  /* `entry` stands, now or since long */
    struct reward_rule rule;
    struct reward_offer offer;
    uint64_t offer_revision;
    struct reward_entry taken_back;
    int tries;
};

struct arena *reward_memory(struct reward_work *w);
bool reward_fail(struct reward_work *w, int code, const char *why); /* false */
/* NULL: the call was failed. */
struct reward_work *reward_work(struct rpc_call *call, void *context, const char *id, const void *request);
/* Whose points it is about: one's own, or anybody's for the platform. False: the call was failed. */
bool reward_of(struct reward_work *w, char *user);
bool reward_only_operators(struct reward_work *w);
/* "<kind>:<a>", or with b "<kind>:<a>/<b>"; the parts are taken as they are. NULL: no memory. */
char *reward_key(struct reward_work *w, const char *kind, const char *a, const char *b);
Reward__Tier reward_tier(const struct reward_work *w, const struct reward_member *m);
/* NULL: no memory, and the call was failed. */
Reward__Member *reward_member_message(struct reward_work *w);
Reward__Entry *reward_entry_message(struct reward_work *w, const struct reward_entry *e);
Reward__Offer *reward_offer_message(struct reward_work *w, const struct reward_offer *o);
bool reward_offer_is_on(const struct reward_work *w, const struct reward_offer *o);

/* reward_move.c: `entry` has its key, kind and what. */
void reward_move(struct reward_work *w);
/* From `begin`: with points, reason and voucher; 412 when there are not so many. */
void reward_commit(struct reward_work *w);

void reward_earn(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void reward_redeem(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void reward_reverse(struct rpc_call *call, const ProtobufCMessage *message, void *context);
void reward_use_voucher(struct rpc_call *call, const ProtobufCMessage *message, void *context);

#endif
