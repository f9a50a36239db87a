/* micro network: peers, routes, and which services they lead to. */
#include "runtime/cli/cli.h"

#include "base/json_build.h"

#include <stdio.h>
#include <string.h>

#define GRAPH_DEPTH "3"
#define NODES_MAX   4096 /* of a graph that are looked at */

static struct {
    const char *service, *address, *gateway, *router, *network;
    int64_t depth;
} flags;

static const struct cli_column node_columns[] = {
    {"ID", "id", NULL}, {"ADDRESS", "address", NULL}, {"NETWORK", "network", NULL}};

static int ask_network(struct cli *c, const char *endpoint, json_t *request, json_t **reply)
{
    return cli_call_json(c, "network", endpoint, request, reply);
}

static int run_connect(const struct arguments *args)
{
    json_t *nodes = json_array();
    for (int i = 0; i < args->argc; i++)
        json_build_add(&nodes, json_pack("{ss}", "address", args->argv[i]));
    return cli_tell(cli_of(args), "network", "Network.Connect", json_pack("{so}", "nodes", nodes));
}

static int run_nodes(const struct arguments *args)
{
    json_t *reply = NULL;
    int code = ask_network(cli_of(args), "Network.Nodes", json_pack("{sI}", "depth", (json_int_t)flags.depth), &reply);
    if (code == CLI_OK)
        code = cli_table(json_object_get(reply, "nodes"), node_columns, 3);
    json_decref(reply);
    return code;
}

/* Our own peers: the first level of the graph. */
static int run_connections(const struct arguments *args)
{
    json_t *reply = NULL, *rows = json_array();
    const json_t *peer;
    size_t i;
    int code = ask_network(cli_of(args), "Network.Graph", json_pack("{si}", "depth", 1), &reply);
    json_array_foreach(json_object_get(json_object_get(reply, "root"), "peers"), i, peer)
    {
        json_t *node = json_object_get(peer, "node");
        if (node)
            json_build_add(&rows, json_incref(node));
    }
    if (code == CLI_OK)
        code = rows ? cli_table(rows, node_columns, 3) : cli_no_memory();
    json_decref(rows);
    json_decref(reply);
    return code;
}

/* The tree of peers, walked without recursion: it comes from outside. */
static void print_graph(const json_t *root)
{
    struct {
        const json_t *peer;
        size_t next;
    } stack[32] = {{root, 0}};
    int depth = 0, count = 0;
    const json_t *node = json_object_get(root, "node");
    printf("%s %s\n", cli_text(node, "id"), cli_text(node, "address"));
    while (depth >= 0 && count < NODES_MAX) {
        const json_t *peer = json_array_get(json_object_get(stack[depth].peer, "peers"), stack[depth].next++);
        if (!peer) {
            depth--;
            continue;
        }
        count++;
        node = json_object_get(peer, "node");
        printf("%*s%s %s\n", 2 * (depth + 1), "", cli_text(node, "id"), cli_text(node, "address"));
        if (depth + 1 < (int)(sizeof stack / sizeof stack[0])) {
            stack[++depth].peer = peer;
            stack[depth].next = 0;
        }
    }
}

static int run_graph(const struct arguments *args)
{
    json_t *reply = NULL;
    int code = ask_network(cli_of(args), "Network.Graph", json_pack("{sI}", "depth", (json_int_t)flags.depth), &reply);
    const json_t *root = json_object_get(reply, "root");
    if (code == CLI_OK && cli_as_json())
        code = cli_print_value(root ? root : reply);
    else if (code == CLI_OK)
        print_graph(root);
    json_decref(reply);
    return code;
}

static void put_metric(struct text *out, const json_t *route)
{
    text_printf(out, "%lld", (long long)cli_integer(route, "metric"));
}

static void set(json_t **query, const char *key, const char *value)
{
    if (value)
        json_build_set(query, key, json_string(value));
}

static int run_routes(const struct arguments *args)
{
    static const struct cli_column columns[] = {
        {"SERVICE", "service", NULL}, {"ADDRESS", "address", NULL}, {"GATEWAY", "gateway", NULL},
        {"ROUTER", "router", NULL},   {"NETWORK", "network", NULL}, {"METRIC", NULL, put_metric},
        {"LINK", "link", NULL},
    };
    json_t *reply = NULL, *query = json_object();
    set(&query, "service", flags.service);
    set(&query, "address", flags.address);
    set(&query, "gateway", flags.gateway);
    set(&query, "router", flags.router);
    set(&query, "network", flags.network);
    int code = ask_network(cli_of(args), "Network.Routes", json_pack("{so}", "query", query), &reply);
    if (code == CLI_OK)
        code = cli_table(json_object_get(reply, "routes"), columns, sizeof columns / sizeof columns[0]);
    json_decref(reply);
    return code;
}

static int run_services(const struct arguments *args)
{
    json_t *reply = NULL;
    int code = ask_network(cli_of(args), "Network.Services", json_object(), &reply);
    if (code == CLI_OK)
        code = cli_names(json_object_get(reply, "services"), true);
    json_decref(reply);
    return code;
}

#define DEPTH                                                                                                          \
    {                                                                                                                  \
        .name = "depth", .kind = OPTION_INTEGER, .target = &flags.depth, .argument = "N", .help = "how many hops far", \
        .fallback = GRAPH_DEPTH, .min = 0, .max = 32                                                                   \
    }
#define ROUTE(member)                                                                                                  \
    {                                                                                                                  \
        .name = #member, .kind = OPTION_TEXT, .target = &flags.member, .argument = "NAME",                             \
        .help = "only routes with this " #member                                                                       \
    }

static const struct option output_options[] = {CLI_OUTPUT_OPTIONS, {.name = NULL}};
static const struct option depth_options[] = {DEPTH, CLI_OUTPUT_OPTIONS, {.name = NULL}};
static const struct option route_options[] = {ROUTE(service), ROUTE(address),     ROUTE(gateway), ROUTE(router),
                                              ROUTE(network), CLI_OUTPUT_OPTIONS, {.name = NULL}};

const struct command network_commands[] = {
    {.name = "connect",
     .summary = "connect to peers",
     .positional = "ADDRESS...",
     .positional_min = 1,
     .positional_max = 64,
     .run = run_connect,
     .examples = "micro network connect other.example.com:8085"},
    {.name = "connections", .summary = "list our own peers", .options = output_options, .run = run_connections},
    {.name = "graph", .summary = "the tree of peers", .options = depth_options, .run = run_graph},
    {.name = "nodes", .summary = "list the nodes of the network", .options = depth_options, .run = run_nodes},
    {.name = "routes", .summary = "list routes", .options = route_options, .run = run_routes},
    {.name = "services", .summary = "list the services routes lead to", .options = output_options, .run = run_services},
    {.name = NULL},
};
