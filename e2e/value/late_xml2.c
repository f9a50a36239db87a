/* What the house calls of libxml2: base/late.h. */
#include "base/late.h"

#include <libxml/xmlversion.h>

_Static_assert(LIBXML_VERSION >= 20900 && LIBXML_VERSION < 21400, "the library's name below is that of libxml2 2.9");

struct late_library late_xml2 = {.file = "libxml2.so.2", .package = "libxml2"};

LATE_FUNCTION(late_xml2, htmlEntityLookup);
LATE_FUNCTION(late_xml2, htmlReadMemory);
LATE_FUNCTION(late_xml2, xmlDocGetRootElement);
LATE_FUNCTION(late_xml2, xmlFreeDoc);
LATE_FUNCTION(late_xml2, xmlReadMemory);
LATE_FUNCTION(late_xml2, xmlSetStructuredErrorFunc);
LATE_FUNCTION(late_xml2, xmlXPathCastNodeToString);
LATE_FUNCTION(late_xml2, xmlXPathCtxtCompile);
LATE_FUNCTION(late_xml2, xmlXPathCompiledEval);
LATE_FUNCTION(late_xml2, xmlXPathFreeCompExpr);
LATE_FUNCTION(late_xml2, xmlXPathFreeContext);
LATE_FUNCTION(late_xml2, xmlXPathFreeObject);
LATE_FUNCTION(late_xml2, xmlXPathNewContext);
LATE_FUNCTION(late_xml2, xmlXPathRegisterNs);
