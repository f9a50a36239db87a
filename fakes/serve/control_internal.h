/* What the files of the control share: control.c the service and its followers, control_calls.c what was asked,
 * control_stubs.c the stubs, control_pacts.c the pacts. */
#ifndef FAKES_SERVE_CONTROL_INTERNAL_H
#define FAKES_SERVE_CONTROL_INTERNAL_H

#include "base/arena.h"
#include "fakes/serve/control.h"
#include "fakes/serve/look.h"
#include "doubles/doubles.pb-c.h"

struct follower {
    struct fake_stream *stream;
    const struct pb_method *method; /* NULL: all */
    char session[FAKE_SESSION_MAX + 1];
    uint64_t missed;
    struct follower *next;
};

struct control {
    struct fake_server *server;
    struct behaviours *behaviours;
    struct served_pacts *pacts; /* NULL: none can be made */
    struct call_log_hearer hearer;
    struct follower *followers;
    size_t follower_count;
};

/* One request: its memory, and where its answer goes. */
struct controlling {
    struct control *control;
    struct arena arena;
    const struct fake_asked *asked;
    struct fake_answer *answer;
};
void control_reply(struct controlling *c, const ProtobufCMessage *reply);
void control_fail(struct controlling *c, struct error *err); /* with the status that belongs to its code; clears */
void control_out_of_memory(struct controlling *c);
char *control_text(struct controlling *c, const struct text *t); /* a copy; "" when there is no memory */
/* The method of that name: false, and the answer says so. "" is NULL, all of them. */
bool control_method(struct controlling *c, const char *name, const struct pb_method **out);
/* In the arena; NULL: no memory. */
Doubles__Call *control_call(struct arena *a, const struct call_log_entry *e, bool open);

/* control_calls.c */
void control_services(struct controlling *c, const ProtobufCMessage *request);
void control_explain(struct controlling *c, const ProtobufCMessage *request);
void control_verify(struct controlling *c, const ProtobufCMessage *request);
void control_journal(struct controlling *c, const ProtobufCMessage *request);
void control_unmatched(struct controlling *c, const ProtobufCMessage *request);

/* control_stubs.c */
void control_add_stubs(struct controlling *c, const ProtobufCMessage *request);
void control_remove_stubs(struct controlling *c, const ProtobufCMessage *request);
void control_list_stubs(struct controlling *c, const ProtobufCMessage *request);

/* control_pacts.c */
void control_record(struct controlling *c, const ProtobufCMessage *request);
void control_pacts(struct controlling *c, const ProtobufCMessage *request);

#endif
