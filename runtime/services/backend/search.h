/* What the files of the search share: its records and the task around them (search.c tells of both). */
#ifndef RUNTIME_SERVICES_BACKEND_SEARCH_H
#define RUNTIME_SERVICES_BACKEND_SEARCH_H

#include "runtime/services/backend/backend.h"
#include "runtime/services/backend/search_query.h"

#include "proto/search/search.pb-c.h"

#define SEARCH_TABLE "search"
#define SEARCH_PAGE  250 /* records that are read at once */
#define SEARCH_TRIES 3   /* when somebody else changes what is read meanwhile */

struct search_index {
    char *generation;
};

struct search_record {
    char *id, *version, *data; /* the last one: JSON */
};
extern const struct backend_shape search_shape; /* of search_record */

struct search_work {
    struct task task;
    char *index_key, *key;
    struct search_index index;
    uint64_t index_revision, revision;
    void (*found)(struct search_work *w); /* when the index is there */
    void (*missing)(struct search_work *w);
    int tries;
    struct search_record record, before;
    struct search_words words;
    struct backend_op *ops;
    size_t op_count, at;
    /* of Search */
    struct search_query *query;
    char **candidates; /* keys of records; NULL: all of the index */
    size_t candidate_count;
    struct search_hit {
        struct search_record record;
        double score;
    } * hits;
    size_t hit_count, hit_room;
};

struct arena *search_memory(struct search_work *w);
/* The work of a call about the caller's index `name`; NULL: the call was failed. */
struct search_work *search_with(struct rpc_call *call, void *context, const char *id, const char *name);
/* Reads the index; `found` or `missing` (404 unless it is said) goes on. */
void search_begin(struct search_work *w);
/* A record's data as a message; NULL: no memory. */
Google__Protobuf__Struct *search_data(struct search_work *w, const char *json);
void search_find(struct rpc_call *call, const ProtobufCMessage *message, void *context);

#endif
