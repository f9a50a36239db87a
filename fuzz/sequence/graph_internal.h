/* Building the graph: what is looked up often about a leaf is worked out once. Private to graph*.c. */
#ifndef FUZZ_SEQUENCE_GRAPH_INTERNAL_H
#define FUZZ_SEQUENCE_GRAPH_INTERNAL_H

#include "fuzz/sequence/graph.h"

/* One end of a possible edge. */
struct graph_end {
    uint16_t method, leaf;
    uint8_t group; /* of kinds that fit each other */
    uint8_t class;
    bool many;
    uint32_t last, name; /* hashes of the last word and of all words of its name */
    uint32_t owner;      /* hash of the words of its message's name */
    uint32_t owner_name; /* of owner and name together: "account id" */
    const struct pb_field *field;
};

enum kind_group { GROUP_NONE, GROUP_TEXT, GROUP_BYTES, GROUP_WHOLE }; /* whole numbers */

int graph_ends_of(const struct sequence_graph *g, bool requests, struct graph_end **out, size_t *count);
/* The points, and the reasons for them; below SEQUENCE_SCORE_MIN: no edge. */
int graph_score(const struct sequence_graph *g, const struct graph_end *from, enum sequence_edge_kind kind,
                const struct graph_end *to, uint32_t *reasons);

int graph_find_loose(struct sequence_graph *g); /* ERROR_MEMORY */

struct graph_reason {
    int points;
    const char *words;
};
extern const struct graph_reason graph_reasons[];
extern const size_t graph_reason_count;
int graph_weight(const struct sequence_leaf *to, uint32_t reasons); /* per cent */

#endif
