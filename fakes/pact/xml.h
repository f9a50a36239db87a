/* XML documents as trees, for matching: elements, attributes, text, CDATA, character references, the five entities of
 * XML 1.0, and namespaces (Namespaces in XML 1.0); names are "uri:local" where a namespace is in force, as Pact's
 * reference implementation writes them. Comments and processing instructions are passed over. A document type
 * declaration is refused: a message is data, and what it declares could be anything. UTF-8 only.
 *
 * All lives in the arena. Limits: XML_DEPTH_MAX elements deep. Private to fakes/pact. */
#ifndef FAKES_PACT_XML_H
#define FAKES_PACT_XML_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

#define XML_DEPTH_MAX 100

struct xml_attribute {
    const char *name, *value;
    struct xml_attribute *next;
};
struct xml_element {
    const char *name;
    const char *text;                 /* all of it, each run trimmed; never NULL */
    struct xml_attribute *attributes; /* without xmlns */
    struct xml_element *children, *next;
};

/* Errors have a line and a column, and `name` for their file. */
int xml_parse(struct bytes in, const char *name, struct arena *arena, struct xml_element **root, struct error *err);

#endif
