/* The links of a system: a proxy (chaos/proxy/proxy.h) between its parts, so that faults can act on what one says to
 * another. Every part is told, for each peer, the address of its own link to it: through the folder ${peers} or names
 * ${via.NAME} of the manifest, in simulation without either. Parts that must all be told the same of a peer find its
 * unix socket by its name, each in a folder of its own, where in truth the link to it listens. The harness has links of
 * its own ("client") to every door, whatever the manifest says. */
#ifndef HARROW_SYSTEM_LINKS_H
#define HARROW_SYSTEM_LINKS_H

#include "harrow/system/system.h"

/* Once the components' true addresses are known: makes the links and puts the harness's own in the place of the
 * addresses. `host` is how parts reach the harness; `fixed`: on ports that the system does not hand out by itself, so
 * that a door can be shut and opened again. */
int links_start(struct system *s, const char *host, enum manifest_links kind, bool fixed, struct error *err);
/* Links between the sockets of parts: without these they do not find each other, so they are always there. */
int links_start_sockets(struct system *s, struct error *err);
/* The folder a component with sockets around it is started in, in the system's arena; NULL: out of memory. */
const char *links_folder(struct system *s, const char *component);
/* "auth=127.0.0.1:11001,...": where `component` finds the others; "" when it reaches them directly. In the system's
 * arena; NULL: out of memory. */
const char *links_peers(struct system *s, const char *component);
/* For manifest_values: ${via.NAME}, with a struct links_self as its argument. */
struct links_self {
    struct system *system;
    const char *component;
    const char *peers; /* "NAME=ADDRESS,...": where they are instead; NULL: nothing is */
};
int links_via(void *arg, const char *name, struct arena *arena, const char **out, struct error *err);

#endif
