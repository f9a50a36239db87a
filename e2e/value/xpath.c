#include "e2e/value/xpath.h"

#include "base/utf8.h"

#include <libxml/HTMLparser.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EXPRESSION_MAX 4096 /* bytes */
#define OPERATIONS_MAX 2000000
#define NODES_MAX      100000
#define NAMESPACES_MAX 1000

#define HTML_OPTIONS (HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET)
#define XML_OPTIONS  (XML_PARSE_RECOVER | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_NONET)

/* libxml2 writes to stderr unless somebody else takes its errors. Where it has no memory it says so here and goes on
 * with what it has. */
static void note(void *arg, xmlErrorPtr error)
{
    bool *memory = arg;
    *memory = *memory || error->code == XML_ERR_NO_MEMORY || error->code == XML_XPATH_MEMORY_ERROR;
}

static void listen_to_errors(bool *memory)
{
    xmlSetStructuredErrorFunc(memory, memory != NULL ? note : NULL);
}

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* False: no memory. */
static bool register_namespaces(xmlXPathContextPtr context, const xmlNode *root)
{
    bool unnamed = false, kept = true;
    int left = NAMESPACES_MAX;
    for (const xmlNode *n = root; n != NULL && left > 0;) {
        for (const xmlNs *ns = n->type == XML_ELEMENT_NODE ? n->nsDef : NULL; ns != NULL && left > 0; ns = ns->next) {
            if (ns->href == NULL || (ns->prefix == NULL && unnamed))
                continue;
            kept = xmlXPathRegisterNs(context, ns->prefix != NULL ? ns->prefix : (const xmlChar *)"_", ns->href) == 0 &&
                   kept;
            unnamed = unnamed || ns->prefix == NULL;
            left--;
        }
        if (n->type == XML_ELEMENT_NODE && n->children != NULL) {
            n = n->children;
            continue;
        }
        while (n != root && n->next == NULL)
            n = n->parent;
        n = n == root ? NULL : n->next;
    }
    return kept;
}

static json_t *text_value(const xmlChar *s)
{
    struct bytes b = s != NULL ? BYTES(s, strlen((const char *)s)) : BYTES("", 0);
    return utf8_valid(b) ? json_stringn((const char *)b.data, b.len) : json_string("");
}

static json_t *nodes_value(const xmlNodeSet *set)
{
    json_t *list = json_array();
    for (int i = 0; list != NULL && set != NULL && i < set->nodeNr && i < NODES_MAX; i++) {
        xmlChar *text = xmlXPathCastNodeToString(set->nodeTab[i]);
        if (text == NULL || json_array_append_new(list, text_value(text)) != 0) {
            json_decref(list);
            list = NULL;
        }
        free(text);
    }
    return list != NULL ? json_pack("{s:o}", "$nodes", list) : NULL;
}

static json_t *number_value(double v)
{
    if (isnan(v) || isinf(v))
        return json_null();
    return v == floor(v) && fabs(v) < 9e15 ? json_integer((json_int_t)v) : json_real(v);
}

static json_t *object_value(const xmlXPathObject *o)
{
    if (o->type == XPATH_NUMBER)
        return number_value(o->floatval);
    if (o->type == XPATH_BOOLEAN)
        return json_boolean(o->boolval != 0);
    if (o->type == XPATH_STRING)
        return text_value(o->stringval);
    return nodes_value(o->nodesetval);
}

static int evaluate(xmlXPathContextPtr context, const char *expression, json_t **out, struct error *err)
{
    bool memory = false;
    context->error = note;
    context->userData = &memory;
    context->opLimit = OPERATIONS_MAX;
    listen_to_errors(&memory);
    xmlXPathCompExprPtr compiled = xmlXPathCtxtCompile(context, (const xmlChar *)expression);
    if (compiled == NULL) {
        listen_to_errors(NULL);
        return memory ? no_memory(err) : error_set(err, ERROR_SYNTAX, "not an XPath expression: %s", expression);
    }
    xmlXPathObjectPtr found = context->doc != NULL ? xmlXPathCompiledEval(compiled, context) : NULL;
    int code = 0;
    if (found != NULL && !memory)
        *out = object_value(found);
    listen_to_errors(NULL);
    if (memory || (found != NULL && *out == NULL))
        code = no_memory(err);
    else if (context->doc != NULL && found == NULL)
        code = context->lastError.code == XPATH_OP_LIMIT_EXCEEDED + XML_XPATH_EXPRESSION_OK
                   ? error_set(err, ERROR_LIMIT, "the XPath expression takes too long: %s", expression)
                   : error_set(err, ERROR_SYNTAX, "the XPath expression has no value: %s", expression);
    if (code != 0) {
        json_decref(*out);
        *out = NULL;
    }
    xmlXPathFreeObject(found);
    xmlXPathFreeCompExpr(compiled);
    return code;
}

struct xpath_document {
    xmlDocPtr doc;
    bool html;
};

void xpath_close(struct xpath_document *d)
{
    if (d != NULL && d->doc != NULL)
        xmlFreeDoc(d->doc);
    free(d);
}

int xpath_open(struct bytes text, bool html, struct xpath_document **out, struct error *err)
{
    struct xpath_document *d = calloc(1, sizeof *d);
    const char *s = text.len > 0 ? (const char *)text.data : "";
    bool memory = false;
    if (d == NULL)
        return no_memory(err);
    d->html = html;
    listen_to_errors(&memory);
    if (text.len <= INT_MAX)
        d->doc = html ? htmlReadMemory(s, (int)text.len, NULL, "utf-8", HTML_OPTIONS)
                      : xmlReadMemory(s, (int)text.len, NULL, "utf-8", XML_OPTIONS);
    listen_to_errors(NULL);
    if (memory || d->doc == NULL || xmlDocGetRootElement(d->doc) == NULL) {
        xpath_close(d);
        return memory ? no_memory(err) : error_set(err, ERROR_INVALID, "this is no %s", html ? "HTML" : "XML");
    }
    *out = d;
    return 0;
}

int xpath_ask(const struct xpath_document *d, const char *expression, json_t **out, struct error *err)
{
    *out = NULL;
    if (strlen(expression) > EXPRESSION_MAX)
        return error_set(err, ERROR_LIMIT, "an XPath expression has at most %d bytes", EXPRESSION_MAX);
    xmlXPathContextPtr context = xmlXPathNewContext(d->doc);
    if (context == NULL)
        return no_memory(err);
    int code = d->html || register_namespaces(context, xmlDocGetRootElement(d->doc))
                   ? evaluate(context, expression, out, err)
                   : no_memory(err);
    xmlXPathFreeContext(context);
    return code;
}

int xpath_find(struct bytes document, bool html, const char *expression, json_t **out, struct error *err)
{
    struct xpath_document *d = NULL;
    *out = NULL;
    int code = xpath_open(document, html, &d, err);
    if (code == 0)
        code = xpath_ask(d, expression, out, err);
    xpath_close(d);
    return code;
}

int xpath_check(const char *expression, struct error *err)
{
    json_t *unused = NULL;
    if (strlen(expression) > EXPRESSION_MAX)
        return error_set(err, ERROR_LIMIT, "an XPath expression has at most %d bytes", EXPRESSION_MAX);
    xmlXPathContextPtr context = xmlXPathNewContext(NULL);
    if (context == NULL)
        return no_memory(err);
    int code = evaluate(context, expression, &unused, err);
    xmlXPathFreeContext(context);
    return code;
}
