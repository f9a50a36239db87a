/* The rules of the breaking-change check: names, meanings and categories are those of buf's breaking check (version 2
 * of its configuration), so that what one knows and has configured there holds here. Texts and fixes are ours.
 *
 *     RULE(id, categories, what must hold, what to do when it does not) */
#ifndef FAKES_BREAKING_RULES_H
#define FAKES_BREAKING_RULES_H

enum breaking_category {
    BREAKING_FILE = 1,      /* generated code, file by file: the strictest */
    BREAKING_PACKAGE = 2,   /* generated code, package by package */
    BREAKING_WIRE_JSON = 4, /* messages on the wire and as JSON */
    BREAKING_WIRE = 8,      /* messages on the wire alone */
    BREAKING_CSR = 16,      /* Confluent's schema registry */
};
#define F_   BREAKING_FILE
#define FP   (BREAKING_FILE | BREAKING_PACKAGE)
#define FPC  (FP | BREAKING_CSR)
#define FPJC (FPC | BREAKING_WIRE_JSON)
#define ALL  (FPJC | BREAKING_WIRE)
#define JC   (BREAKING_WIRE_JSON | BREAKING_CSR)
#define JWC  (JC | BREAKING_WIRE)

#define FIX_MOVED   "put it back; if it only moved, let the old file import the new one, or check by package"
#define FIX_OPTION  "set the option back: code generated for that language changes its names or its shape"
#define FIX_FIELD   "put the field back, marked deprecated; add a new one beside it for what is new"
#define FIX_RESERVE "reserve it, so that nobody takes it for something else: messages of old programs still carry it"
#define FIX_METHOD  "leave the method as it was and add a new one beside it"
#define FIX_TYPE    "leave the field as it was, marked deprecated, and add one of the new type under a new number"

#define BREAKING_RULES(RULE)                                                                                           \
    RULE(ENUM_NO_DELETE, F_ | BREAKING_CSR, "an enum stays in its file", FIX_MOVED)                                    \
    RULE(EXTENSION_NO_DELETE, F_, "an extension stays in its file", FIX_MOVED)                                         \
    RULE(FILE_NO_DELETE, F_ | BREAKING_CSR, "a file stays", FIX_MOVED)                                                 \
    RULE(MESSAGE_NO_DELETE, F_ | BREAKING_CSR, "a message stays in its file", FIX_MOVED)                               \
    RULE(SERVICE_NO_DELETE, F_, "a service stays in its file", FIX_MOVED)                                              \
    RULE(ENUM_SAME_TYPE, FP, "an enum stays open or closed",                                                           \
         "leave syntax and feature enum_type alone: unknown values would be kept or dropped where they were not")      \
    RULE(ENUM_VALUE_NO_DELETE, FPC, "an enum value stays", "put the value back, marked deprecated")                    \
    RULE(EXTENSION_MESSAGE_NO_DELETE, FPC, "a range of extensions stays", "put the range back: others extend it")      \
    RULE(FIELD_NO_DELETE, FPC, "a field stays", FIX_FIELD)                                                             \
    RULE(FIELD_SAME_CARDINALITY, FP, "a field stays single, repeated, a map, with or without presence", FIX_TYPE)      \
    RULE(FIELD_SAME_CPP_STRING_TYPE, FP, "a text keeps its type in C++", FIX_OPTION)                                   \
    RULE(FIELD_SAME_JAVA_UTF8_VALIDATION, FP, "a text is checked for UTF-8 in Java as before", FIX_OPTION)             \
    RULE(FIELD_SAME_JSTYPE, FP, "a 64-bit number keeps its type in JavaScript", FIX_OPTION)                            \
    RULE(FIELD_SAME_TYPE, FPC, "a field keeps its type", FIX_TYPE)                                                     \
    RULE(FIELD_SAME_UTF8_VALIDATION, FP, "a text is checked for UTF-8 as before", FIX_TYPE)                            \
    RULE(FILE_SAME_CC_ENABLE_ARENAS, FP, "option cc_enable_arenas stays", FIX_OPTION)                                  \
    RULE(FILE_SAME_CC_GENERIC_SERVICES, FP, "option cc_generic_services stays", FIX_OPTION)                            \
    RULE(FILE_SAME_CSHARP_NAMESPACE, FP, "option csharp_namespace stays", FIX_OPTION)                                  \
    RULE(FILE_SAME_GO_PACKAGE, FP, "option go_package stays", FIX_OPTION)                                              \
    RULE(FILE_SAME_JAVA_GENERIC_SERVICES, FP, "option java_generic_services stays", FIX_OPTION)                        \
    RULE(FILE_SAME_JAVA_MULTIPLE_FILES, FP, "option java_multiple_files stays", FIX_OPTION)                            \
    RULE(FILE_SAME_JAVA_OUTER_CLASSNAME, FP, "option java_outer_classname stays", FIX_OPTION)                          \
    RULE(FILE_SAME_JAVA_PACKAGE, FP, "option java_package stays", FIX_OPTION)                                          \
    RULE(FILE_SAME_OBJC_CLASS_PREFIX, FP, "option objc_class_prefix stays", FIX_OPTION)                                \
    RULE(FILE_SAME_OPTIMIZE_FOR, FP, "option optimize_for stays", FIX_OPTION)                                          \
    RULE(FILE_SAME_PHP_CLASS_PREFIX, FP, "option php_class_prefix stays", FIX_OPTION)                                  \
    RULE(FILE_SAME_PHP_METADATA_NAMESPACE, FP, "option php_metadata_namespace stays", FIX_OPTION)                      \
    RULE(FILE_SAME_PHP_NAMESPACE, FP, "option php_namespace stays", FIX_OPTION)                                        \
    RULE(FILE_SAME_PY_GENERIC_SERVICES, FP, "option py_generic_services stays", FIX_OPTION)                            \
    RULE(FILE_SAME_RUBY_PACKAGE, FP, "option ruby_package stays", FIX_OPTION)                                          \
    RULE(FILE_SAME_SWIFT_PREFIX, FP, "option swift_prefix stays", FIX_OPTION)                                          \
    RULE(FILE_SAME_SYNTAX, FPC, "a file keeps its syntax", "set the syntax back: presence and defaults go with it")    \
    RULE(MESSAGE_NO_REMOVE_STANDARD_DESCRIPTOR_ACCESSOR, FPC, "a message keeps its descriptor() accessor",             \
         "set no_standard_descriptor_accessor back to false")                                                          \
    RULE(ONEOF_NO_DELETE, FPC, "a oneof stays", "put the oneof back around its fields")                                \
    RULE(RPC_NO_DELETE, FP, "a method stays", "put the method back, marked deprecated")                                \
    RULE(ENUM_SAME_JSON_FORMAT, FPJC, "an enum keeps its form as JSON", "set feature json_format back")                \
    RULE(ENUM_VALUE_SAME_NAME, FPJC, "an enum value keeps its name",                                                   \
         "name it as before; with allow_alias both names may have the number")                                         \
    RULE(FIELD_SAME_JSON_NAME, FPJC, "a field keeps its name in JSON", "set json_name to what it was")                 \
    RULE(FIELD_SAME_NAME, FPJC, "a field keeps its name", "name it as before: JSON and generated code go by the name") \
    RULE(MESSAGE_SAME_JSON_FORMAT, FPJC, "a message keeps its form as JSON", "set feature json_format back")           \
    RULE(FIELD_SAME_DEFAULT, ALL, "a field keeps its default", "set the default back: it is never on the wire")        \
    RULE(FIELD_SAME_ONEOF, ALL, "a field stays in its oneof, or outside of any",                                       \
         "move it back: setting one member of a oneof takes the others away")                                          \
    RULE(FILE_SAME_PACKAGE, ALL, "a file keeps its package", "set the package back: full names and paths go by it")    \
    RULE(MESSAGE_SAME_REQUIRED_FIELDS, ALL, "required fields stay what they are",                                      \
         "make the field optional before it goes, and never add a required one")                                       \
    RULE(RESERVED_ENUM_NO_DELETE, ALL, "what an enum has reserved stays so", FIX_RESERVE)                              \
    RULE(RESERVED_MESSAGE_NO_DELETE, ALL, "what a message has reserved stays so", FIX_RESERVE)                         \
    RULE(RPC_SAME_CLIENT_STREAMING, ALL, "a method takes one message, or a stream, as before", FIX_METHOD)             \
    RULE(RPC_SAME_IDEMPOTENCY_LEVEL, ALL, "a method keeps its idempotency_level",                                      \
         "set it back: callers and proxies retry by it")                                                               \
    RULE(RPC_SAME_REQUEST_TYPE, ALL, "a method keeps its request", FIX_METHOD)                                         \
    RULE(RPC_SAME_RESPONSE_TYPE, ALL, "a method keeps its response", FIX_METHOD)                                       \
    RULE(RPC_SAME_SERVER_STREAMING, ALL, "a method answers with one message, or a stream, as before", FIX_METHOD)      \
    RULE(PACKAGE_ENUM_NO_DELETE, BREAKING_PACKAGE, "an enum stays in its package", FIX_MOVED)                          \
    RULE(PACKAGE_EXTENSION_NO_DELETE, BREAKING_PACKAGE, "an extension stays in its package", FIX_MOVED)                \
    RULE(PACKAGE_MESSAGE_NO_DELETE, BREAKING_PACKAGE, "a message stays in its package", FIX_MOVED)                     \
    RULE(PACKAGE_NO_DELETE, BREAKING_PACKAGE, "a package stays", FIX_MOVED)                                            \
    RULE(PACKAGE_SERVICE_NO_DELETE, BREAKING_PACKAGE, "a service stays in its package", FIX_MOVED)                     \
    RULE(ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED, JC, "the name of an enum value that went is reserved",             \
         FIX_RESERVE)                                                                                                  \
    RULE(FIELD_NO_DELETE_UNLESS_NAME_RESERVED, JC, "the name of a field that went is reserved", FIX_RESERVE)           \
    RULE(FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY, JC, "a field stays single, repeated or a map", FIX_TYPE)              \
    RULE(FIELD_WIRE_JSON_COMPATIBLE_TYPE, JC, "a field's type reads the old wire form and the old JSON", FIX_TYPE)     \
    RULE(ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED, JWC, "the number of an enum value that went is reserved",        \
         FIX_RESERVE)                                                                                                  \
    RULE(FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED, JWC, "the number of a field that went is reserved", FIX_RESERVE)      \
    RULE(FIELD_WIRE_COMPATIBLE_CARDINALITY, BREAKING_WIRE, "a field stays single, or many", FIX_TYPE)                  \
    RULE(FIELD_WIRE_COMPATIBLE_TYPE, BREAKING_WIRE, "a field's type reads the old wire form", FIX_TYPE)                \
    RULE(MESSAGE_SAME_MESSAGE_SET_WIRE_FORMAT, 0, "a message keeps message_set_wire_format",                           \
         "set message_set_wire_format back")

enum breaking_rule_id {
#define RULE(id, categories, purpose, fix) id,
    BREAKING_RULES(RULE)
#undef RULE
        BREAKING_RULE_COUNT
};

#endif
