/* Tree to program: every node is checked for its type, once, and leaves instructions behind. */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "core/expr_program.h"

struct compiler {
	struct arena *arena;
	const struct expr_env *env;
	struct expr_program *program;
	struct expr_error *error;
	uint32_t stack; /* how deep it is here */
	int depth;
	bool failed;
};

#define FAIL(compiler, node, ...)                    \
	fail((compiler), (node),                     \
		snprintf((compiler)->error->message, \
			(compiler)->failed ? 0 : sizeof((compiler)->error->message), __VA_ARGS__))

static enum value_type fail(struct compiler *compiler, const struct expr_node *node, int written)
{
	(void)written;
	if (!compiler->failed) {
		compiler->error->offset = node->offset;
		compiler->error->len = node->length;
	}
	compiler->failed = true;
	return VALUE_NULL;
}

/* Room for one more element of an array in the arena. */
static void *grown(
	struct compiler *compiler, void *array, uint32_t count, uint32_t *capacity, size_t size)
{
	if (count < *capacity)
		return array;
	uint32_t wanted = *capacity == 0 ? 8 : *capacity * 2;
	void *fresh = arena_alloc(compiler->arena, wanted * size);
	if (fresh == NULL) {
		compiler->failed = true;
		snprintf(compiler->error->message, sizeof(compiler->error->message),
			"the expression is too large");
		return array;
	}
	if (count > 0)
		memcpy(fresh, array, count * size);
	*capacity = wanted;
	return fresh;
}

static uint32_t emit(struct compiler *compiler, enum instruction_op op, enum value_type type,
	uint32_t a, uint32_t b)
{
	struct expr_program *program = compiler->program;

	/* Names that stand for expressions may double at every step: what is too long is refused before it fills the memory. */
	if (program->code_count == EXPR_CODE_MAX && !compiler->failed) {
		compiler->failed = true;
		snprintf(compiler->error->message, sizeof(compiler->error->message),
			"the expression is too large");
	}
	program->code = grown(compiler, program->code, program->code_count, &program->code_capacity,
		sizeof(*program->code));
	if (compiler->failed)
		return 0;
	program->code[program->code_count] =
		(struct instruction){ (uint8_t)op, (uint8_t)type, a, b };
	return program->code_count++;
}

static void pushed(struct compiler *compiler, const struct expr_node *node, int by)
{
	compiler->stack = (uint32_t)((int)compiler->stack + by);
	if (compiler->stack > compiler->program->stack_max)
		compiler->program->stack_max = compiler->stack;
	if (compiler->stack > EXPR_STACK_MAX)
		FAIL(compiler, node, "the expression needs more than %d values at once",
			EXPR_STACK_MAX);
}

static uint32_t constant_add(struct compiler *compiler, struct value value)
{
	struct expr_program *program = compiler->program;

	program->constants = grown(compiler, program->constants, program->constant_count,
		&program->constant_capacity, sizeof(*program->constants));
	if (compiler->failed)
		return 0;
	program->constants[program->constant_count] = value;
	return program->constant_count++;
}

static struct value literal_of(struct compiler *compiler, const struct expr_node *node)
{
	if (node->literal.type == VALUE_STRING && !node->literal.is_null)
		return value_of(VALUE_STRING, intern_add(compiler->env->strings, node->text));
	return node->literal;
}

static void load_add(struct compiler *compiler, uint32_t code)
{
	struct expr_program *program = compiler->program;

	for (uint32_t i = 0; i < program->load_count; i++)
		if (program->loads[i] == code)
			return;
	program->loads = grown(compiler, program->loads, program->load_count,
		&program->load_capacity, sizeof(*program->loads));
	if (!compiler->failed)
		program->loads[program->load_count++] = code;
}

static enum value_type compile(struct compiler *compiler, const struct expr_node *node);

static void path_text(const struct expr_node *node, char *buf, size_t cap)
{
	size_t used = 0;

	for (uint32_t i = 0; i < node->path_count && used < cap; i++)
		used += (size_t)snprintf(buf + used, cap - used, "%s" SLICE_FMT, i > 0 ? "." : "",
			SLICE_ARG(node->path[i]));
}

static enum value_type compile_path(struct compiler *compiler, const struct expr_node *node)
{
	const struct expr_env *env = compiler->env;
	const struct expr_node *stands_for =
		env->expand != NULL ? env->expand(env->ctx, node->path, node->path_count) : NULL;
	struct expr_ref ref = { VALUE_NULL, 0, 0 };
	char text[128];

	if (stands_for != NULL) {
		/* A mistake inside is told at the name, where the reader is looking. */
		enum value_type type = compile(compiler, stands_for);
		if (compiler->failed) {
			compiler->error->offset = node->offset;
			compiler->error->len = node->length;
		}
		return type;
	}
	if (env->resolve != NULL &&
		env->resolve(env->ctx, node->path, node->path_count, &ref) == 0) {
		emit(compiler, INS_LOAD, ref.type, ref.code, 0);
		load_add(compiler, ref.code);
		pushed(compiler, node, 1);
		return ref.type;
	}
	size_t bad = 0;
	const char *near = env->suggest != NULL
				   ? env->suggest(env->ctx, node->path, node->path_count, &bad)
				   : NULL;
	path_text(node, text, sizeof(text));
	if (bad < node->path_count && node->path_count > 1) {
		size_t skip = 0;
		for (size_t i = 0; i < bad; i++)
			skip += node->path[i].len + 1;
		FAIL(compiler, node, "\"%s\": there is no \"" SLICE_FMT "\"%s%s%s", text,
			SLICE_ARG(node->path[bad]), near != NULL ? "; did you mean \"" : "",
			near != NULL ? near : "", near != NULL ? "\"?" : "");
		compiler->error->offset = node->offset + skip;
		compiler->error->len = node->path[bad].len;
		return VALUE_NULL;
	}
	return FAIL(compiler, node, "unknown name \"%s\"%s%s%s", text,
		near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
		near != NULL ? "\"?" : "");
}

static bool is_number(enum value_type type)
{
	return type == VALUE_INT || type == VALUE_DECIMAL;
}

enum value_type expr_common_type(enum value_type a, enum value_type b)
{
	if (a == b || b == VALUE_NULL)
		return a;
	if (a == VALUE_NULL)
		return b;
	return is_number(a) && is_number(b) ? VALUE_DECIMAL : VALUE_NULL;
}

/* Makes both of the two topmost values decimals when one of them is; answers their common type, VALUE_NULL if none. */
static enum value_type unify(struct compiler *compiler, enum value_type left, enum value_type right)
{
	if (left == VALUE_INT && right == VALUE_DECIMAL)
		emit(compiler, INS_TO_DECIMAL, VALUE_DECIMAL, 1, 0);
	else if (left == VALUE_DECIMAL && right == VALUE_INT)
		emit(compiler, INS_TO_DECIMAL, VALUE_DECIMAL, 0, 0);
	return expr_common_type(left, right);
}

static enum value_type compile_logic(struct compiler *compiler, const struct expr_node *node)
{
	bool is_and = node->op == OP_AND;
	enum value_type left = compile(compiler, node->children[0]);

	if (!compiler->failed && left != VALUE_BOOL && left != VALUE_NULL)
		return FAIL(compiler, node->children[0], "%s takes conditions; this is a %s",
			is_and ? "&&" : "||", value_type_name(left));
	uint32_t jump = emit(compiler, is_and ? INS_AND_SHORT : INS_OR_SHORT, VALUE_BOOL, 0, 0);
	enum value_type right = compile(compiler, node->children[1]);
	if (compiler->failed)
		return VALUE_NULL;
	if (right != VALUE_BOOL && right != VALUE_NULL)
		return FAIL(compiler, node->children[1], "%s takes conditions; this is a %s",
			is_and ? "&&" : "||", value_type_name(right));
	emit(compiler, is_and ? INS_AND : INS_OR, VALUE_BOOL, 0, 0);
	pushed(compiler, node, -1);
	if (!compiler->failed)
		compiler->program->code[jump].a = compiler->program->code_count - jump;
	return VALUE_BOOL;
}

static enum value_type compile_in(struct compiler *compiler, const struct expr_node *node)
{
	const struct expr_node *list = node->children[1];
	enum value_type type = compile(compiler, node->children[0]);

	if (compiler->failed)
		return VALUE_NULL;
	if (list->kind == EXPR_PATH && compiler->env->expand != NULL) {
		const struct expr_node *named =
			compiler->env->expand(compiler->env->ctx, list->path, list->path_count);
		list = named != NULL ? named : list;
	}
	if (list->kind != EXPR_LIST)
		return FAIL(compiler, node->children[1],
			"right of `in` stands a list of constants: [\"a\", \"b\"], or a list of "
			"params");
	uint32_t first = compiler->program->constant_count;
	for (uint32_t i = 0; i < list->child_count; i++) {
		const struct expr_node *item = list->children[i];
		if (item->kind != EXPR_LITERAL)
			return FAIL(compiler, node->children[1],
				"a list right of `in` has constants only");
		struct value value = literal_of(compiler, item);
		if (value.type == VALUE_INT && type == VALUE_DECIMAL)
			value = value_of(VALUE_DECIMAL, value.i * DECIMAL_SCALE);
		if (value.type != type && type != VALUE_NULL)
			return FAIL(compiler, node->children[1],
				"the list has a %s, left of `in` is a %s",
				value_type_name(value.type), value_type_name(type));
		constant_add(compiler, value);
	}
	emit(compiler, INS_IN, VALUE_BOOL, first, list->child_count);
	return VALUE_BOOL;
}

static const char *sign_of(enum expr_operator op)
{
	static const char *const signs[] = {
		"!",
		"-",
		"||",
		"&&",
		"==",
		"!=",
		"<",
		"<=",
		">",
		">=",
		"in",
		"+",
		"-",
		"*",
		"/",
		"%",
	};

	return signs[op];
}

/* Nothing is nothing in every currency: money may be compared with a plain 0. */
static bool is_money_and_zero(
	enum value_type money, enum value_type type, const struct expr_node *zero)
{
	return money == VALUE_MONEY && type == VALUE_INT && zero->kind == EXPR_LITERAL &&
	       zero->literal.i == 0;
}

static enum value_type compile_comparison(struct compiler *compiler, const struct expr_node *node,
	enum value_type left, enum value_type right)
{
	static const enum instruction_op plain[] = { INS_EQUAL, INS_NOT_EQUAL, INS_LESS,
		INS_LESS_EQUAL, INS_GREATER, INS_GREATER_EQUAL };
	bool is_order = node->op >= OP_LESS;
	enum value_type common = unify(compiler, left, right);
	enum instruction_op op = plain[node->op - OP_EQUAL];

	if (is_money_and_zero(left, right, node->children[1]) ||
		is_money_and_zero(right, left, node->children[0]))
		common = VALUE_MONEY;
	if (common == VALUE_NULL && !(left == VALUE_NULL && right == VALUE_NULL))
		return FAIL(compiler, node, "%s compares a %s with a %s%s", sign_of(node->op),
			value_type_name(left), value_type_name(right),
			(left == VALUE_STRING && is_number(right)) ||
					(right == VALUE_STRING && is_number(left))
				? "; a number in a text is read by decimal(x), a text stands in "
				  "quotes"
				: "");
	if (is_order && (common == VALUE_BOOL || common == VALUE_REF || common == VALUE_LIST))
		return FAIL(compiler, node, "%s needs an order, and a %s has none",
			sign_of(node->op), value_type_name(common));
	if (is_order && common == VALUE_STRING)
		op = (enum instruction_op)(op - INS_LESS + INS_TEXT_LESS);
	emit(compiler, op, VALUE_BOOL, 0, 0);
	pushed(compiler, node, -1);
	return VALUE_BOOL;
}

/* What the operators say of two types: the instruction, the result, and whether ints become decimals first. */
struct arithmetic {
	enum expr_operator op;
	enum value_type left, right, result;
	enum instruction_op instruction;
};

static const struct arithmetic arithmetics[] = {
	{ OP_ADD, VALUE_INT, VALUE_INT, VALUE_INT, INS_ADD },
	{ OP_ADD, VALUE_DECIMAL, VALUE_DECIMAL, VALUE_DECIMAL, INS_ADD },
	{ OP_ADD, VALUE_MONEY, VALUE_MONEY, VALUE_MONEY, INS_ADD },
	{ OP_ADD, VALUE_DURATION, VALUE_DURATION, VALUE_DURATION, INS_ADD },
	{ OP_ADD, VALUE_TIME, VALUE_DURATION, VALUE_TIME, INS_ADD },
	{ OP_ADD, VALUE_DURATION, VALUE_TIME, VALUE_TIME, INS_ADD },
	{ OP_ADD, VALUE_STRING, VALUE_STRING, VALUE_STRING, INS_CONCATENATE },
	{ OP_SUBTRACT, VALUE_INT, VALUE_INT, VALUE_INT, INS_SUBTRACT },
	{ OP_SUBTRACT, VALUE_DECIMAL, VALUE_DECIMAL, VALUE_DECIMAL, INS_SUBTRACT },
	{ OP_SUBTRACT, VALUE_MONEY, VALUE_MONEY, VALUE_MONEY, INS_SUBTRACT },
	{ OP_SUBTRACT, VALUE_DURATION, VALUE_DURATION, VALUE_DURATION, INS_SUBTRACT },
	{ OP_SUBTRACT, VALUE_TIME, VALUE_TIME, VALUE_DURATION, INS_SUBTRACT },
	{ OP_SUBTRACT, VALUE_TIME, VALUE_DURATION, VALUE_TIME, INS_SUBTRACT },
	{ OP_MULTIPLY, VALUE_INT, VALUE_INT, VALUE_INT, INS_MULTIPLY },
	{ OP_MULTIPLY, VALUE_DECIMAL, VALUE_DECIMAL, VALUE_DECIMAL, INS_MULTIPLY_DECIMAL },
	{ OP_MULTIPLY, VALUE_MONEY, VALUE_DECIMAL, VALUE_MONEY, INS_MULTIPLY_DECIMAL },
	{ OP_MULTIPLY, VALUE_DECIMAL, VALUE_MONEY, VALUE_MONEY, INS_MULTIPLY_DECIMAL },
	{ OP_MULTIPLY, VALUE_MONEY, VALUE_INT, VALUE_MONEY, INS_MULTIPLY },
	{ OP_MULTIPLY, VALUE_INT, VALUE_MONEY, VALUE_MONEY, INS_MULTIPLY },
	{ OP_MULTIPLY, VALUE_DURATION, VALUE_INT, VALUE_DURATION, INS_MULTIPLY },
	{ OP_MULTIPLY, VALUE_INT, VALUE_DURATION, VALUE_DURATION, INS_MULTIPLY },
	{ OP_MULTIPLY, VALUE_DURATION, VALUE_DECIMAL, VALUE_DURATION, INS_MULTIPLY_DECIMAL },
	{ OP_MULTIPLY, VALUE_DECIMAL, VALUE_DURATION, VALUE_DURATION, INS_MULTIPLY_DECIMAL },
	{ OP_DIVIDE, VALUE_INT, VALUE_INT, VALUE_DECIMAL, INS_DIVIDE_DECIMAL },
	{ OP_DIVIDE, VALUE_DECIMAL, VALUE_DECIMAL, VALUE_DECIMAL, INS_DIVIDE_DECIMAL },
	{ OP_DIVIDE, VALUE_MONEY, VALUE_MONEY, VALUE_DECIMAL, INS_DIVIDE_DECIMAL },
	{ OP_DIVIDE, VALUE_MONEY, VALUE_DECIMAL, VALUE_MONEY, INS_DIVIDE_DECIMAL },
	{ OP_DIVIDE, VALUE_MONEY, VALUE_INT, VALUE_MONEY, INS_DIVIDE },
	{ OP_DIVIDE, VALUE_DURATION, VALUE_DURATION, VALUE_DECIMAL, INS_DIVIDE_DECIMAL },
	{ OP_DIVIDE, VALUE_DURATION, VALUE_INT, VALUE_DURATION, INS_DIVIDE },
	{ OP_DIVIDE, VALUE_DURATION, VALUE_DECIMAL, VALUE_DURATION, INS_DIVIDE_DECIMAL },
	{ OP_REMAINDER, VALUE_INT, VALUE_INT, VALUE_INT, INS_REMAINDER },
};

static const struct arithmetic *arithmetic_find(
	enum expr_operator op, enum value_type left, enum value_type right)
{
	for (size_t i = 0; i < sizeof(arithmetics) / sizeof(arithmetics[0]); i++)
		if (arithmetics[i].op == op && arithmetics[i].left == left &&
			arithmetics[i].right == right)
			return &arithmetics[i];
	return NULL;
}

static enum value_type compile_arithmetic(struct compiler *compiler, const struct expr_node *node,
	enum value_type left, enum value_type right)
{
	const struct arithmetic *found;

	/* null takes the other's type: the result is null whatever it is. */
	if (left == VALUE_NULL)
		left = right;
	if (right == VALUE_NULL)
		right = left;
	if ((left == VALUE_INT && right == VALUE_DECIMAL) ||
		(left == VALUE_DECIMAL && right == VALUE_INT)) {
		unify(compiler, left, right);
		left = right = VALUE_DECIMAL;
	}
	found = arithmetic_find(node->op, left, right);
	if (found == NULL)
		return FAIL(compiler, node, "%s is not defined between a %s and a %s",
			sign_of(node->op), value_type_name(left), value_type_name(right));
	emit(compiler, found->instruction, found->result, 0, 0);
	pushed(compiler, node, -1);
	return found->result;
}

static enum value_type compile_binary(struct compiler *compiler, const struct expr_node *node)
{
	if (node->op == OP_AND || node->op == OP_OR)
		return compile_logic(compiler, node);
	if (node->op == OP_IN)
		return compile_in(compiler, node);
	enum value_type left = compile(compiler, node->children[0]);
	enum value_type right = compile(compiler, node->children[1]);
	if (compiler->failed)
		return VALUE_NULL;
	if (node->op <= OP_GREATER_EQUAL)
		return compile_comparison(compiler, node, left, right);
	return compile_arithmetic(compiler, node, left, right);
}

static enum value_type compile_unary(struct compiler *compiler, const struct expr_node *node)
{
	enum value_type type = compile(compiler, node->children[0]);

	if (compiler->failed)
		return VALUE_NULL;
	if (node->op == OP_NOT && type != VALUE_BOOL && type != VALUE_NULL)
		return FAIL(
			compiler, node, "! takes a condition; this is a %s", value_type_name(type));
	if (node->op == OP_NEGATE && !is_number(type) && type != VALUE_MONEY &&
		type != VALUE_DURATION)
		return FAIL(
			compiler, node, "- takes a number; this is a %s", value_type_name(type));
	emit(compiler, node->op == OP_NOT ? INS_NOT : INS_NEGATE, type, 0, 0);
	return node->op == OP_NOT ? VALUE_BOOL : type;
}

static enum value_type compile_ternary(struct compiler *compiler, const struct expr_node *node)
{
	enum value_type condition = compile(compiler, node->children[0]);

	if (compiler->failed)
		return VALUE_NULL;
	if (condition != VALUE_BOOL && condition != VALUE_NULL)
		return FAIL(compiler, node->children[0],
			"left of ? stands a condition; this is a %s", value_type_name(condition));
	uint32_t unless = emit(compiler, INS_JUMP_UNLESS, VALUE_BOOL, 0, 0);
	pushed(compiler, node, -1);
	enum value_type yes = compile(compiler, node->children[1]);
	uint32_t yes_end = compiler->program->code_count;
	emit(compiler, INS_RETYPE, yes, 0, 0); /* may become TO_DECIMAL */
	uint32_t skip = emit(compiler, INS_JUMP, VALUE_NULL, 0, 0);
	pushed(compiler, node, -1);
	uint32_t else_at = compiler->program->code_count;
	enum value_type no = compile(compiler, node->children[2]);
	if (compiler->failed)
		return VALUE_NULL;
	enum value_type common = expr_common_type(yes, no);
	if (common == VALUE_NULL && !(yes == VALUE_NULL && no == VALUE_NULL))
		return FAIL(compiler, node, "the two sides of : are a %s and a %s",
			value_type_name(yes), value_type_name(no));
	if (common == VALUE_DECIMAL && yes == VALUE_INT)
		compiler->program->code[yes_end] =
			(struct instruction){ INS_TO_DECIMAL, VALUE_DECIMAL, 0, 0 };
	if (common == VALUE_DECIMAL && no == VALUE_INT)
		emit(compiler, INS_TO_DECIMAL, VALUE_DECIMAL, 0, 0);
	uint32_t over_null = emit(compiler, INS_JUMP, VALUE_NULL, 2, 0);
	uint32_t null_at =
		emit(compiler, INS_CONSTANT, common, constant_add(compiler, value_null(common)), 0);
	if (compiler->failed)
		return VALUE_NULL;
	compiler->program->code[unless].a = else_at - unless;
	compiler->program->code[unless].b = null_at - unless;
	compiler->program->code[skip].a = null_at + 1 - skip;
	compiler->program->code[over_null].a = null_at + 1 - over_null;
	return common;
}

static const struct expr_function *function_find(const struct expr_env *env, struct slice name)
{
	for (size_t i = 0; i < env->function_count; i++)
		if (slice_is(name, env->functions[i].name))
			return &env->functions[i];
	for (size_t i = 0; i < expr_builtin_count; i++)
		if (slice_is(name, expr_builtins[i].name))
			return &expr_builtins[i];
	return NULL;
}

/* What a function of CEL is here; NULL: it is none of CEL's. */
static const char *function_of_cel(struct slice name)
{
	static const char *const known[][2] = {
		{ "double", "double() of CEL is decimal(x) here" },
		{ "timestamp", "timestamp() of CEL is time(x) here" },
		{ "uint", "unsigned numbers of CEL are not in this subset; int(x) is" },
		{ "bytes", "bytes of CEL are not in this subset" },
		{ "map", "the macro map() of CEL is not in this subset" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (slice_is(name, known[i][0]))
			return known[i][1];
	return NULL;
}

static enum value_type unknown_function(struct compiler *compiler, const struct expr_node *node)
{
	const char *of_cel = function_of_cel(node->text);
	const char *names[128];
	size_t count = 0;

	for (size_t i = 0; i < compiler->env->function_count && count < 128; i++)
		names[count++] = compiler->env->functions[i].name;
	for (size_t i = 0; i < expr_builtin_count && count < 128; i++)
		names[count++] = expr_builtins[i].name;
	const char *near = nearest_name(node->text, names, count);
	if (of_cel)
		FAIL(compiler, node, "%s", of_cel);
	else
		FAIL(compiler, node, "there is no function \"" SLICE_FMT "\"%s%s%s",
			SLICE_ARG(node->text), near != NULL ? "; did you mean \"" : "",
			near != NULL ? near : "", near != NULL ? "\"?" : "");
	compiler->error->len = node->text.len;
	return VALUE_NULL;
}

static enum value_type compile_call(struct compiler *compiler, const struct expr_node *node)
{
	const struct expr_function *function = function_find(compiler->env, node->text);
	struct expr_program *program = compiler->program;
	enum value_type types[EXPR_ARGUMENTS_MAX];
	char message[160] = "";

	if (function == NULL)
		return unknown_function(compiler, node);
	if (node->child_count < function->args_min || node->child_count > function->args_max ||
		node->child_count > EXPR_ARGUMENTS_MAX)
		return FAIL(compiler, node, "%s takes %u to %u arguments, not %u", function->name,
			function->args_min, function->args_max, node->child_count);
	for (uint32_t i = 0; i < node->child_count; i++) {
		types[i] = compile(compiler, node->children[i]);
		if (compiler->failed)
			return VALUE_NULL;
	}
	enum value_type result =
		function->check(types, node->child_count, message, sizeof(message));
	if (message[0] != '\0')
		return FAIL(compiler, node, "%s: %s", function->name, message);
	/* Where the result is a decimal, int arguments join as decimals. */
	for (uint32_t i = 0; i < node->child_count && result == VALUE_DECIMAL; i++)
		if (types[i] == VALUE_INT)
			emit(compiler, INS_TO_DECIMAL, VALUE_DECIMAL, node->child_count - 1 - i, 0);
	program->functions = grown(compiler, program->functions, program->function_count,
		&program->function_capacity, sizeof(*program->functions));
	if (compiler->failed)
		return VALUE_NULL;
	program->functions[program->function_count] = function;
	emit(compiler, INS_CALL, result, program->function_count++, node->child_count);
	pushed(compiler, node, 1 - (int)node->child_count);
	return result;
}

static enum value_type compile(struct compiler *compiler, const struct expr_node *node)
{
	enum value_type type = VALUE_NULL;

	if (compiler->failed)
		return VALUE_NULL;
	/* Names that stand for expressions make a tree deeper than the parser saw. */
	if (++compiler->depth > EXPR_DEPTH_MAX * 2)
		return FAIL(compiler, node, "the expression is nested too deeply");
	switch (node->kind) {
	case EXPR_LITERAL:
		emit(compiler, INS_CONSTANT, node->literal.type,
			constant_add(compiler, literal_of(compiler, node)), 0);
		pushed(compiler, node, 1);
		type = node->literal.type;
		break;
	case EXPR_PATH:
		type = compile_path(compiler, node);
		break;
	case EXPR_CALL:
		type = compile_call(compiler, node);
		break;
	case EXPR_UNARY:
		type = compile_unary(compiler, node);
		break;
	case EXPR_BINARY:
		type = compile_binary(compiler, node);
		break;
	case EXPR_TERNARY:
		type = compile_ternary(compiler, node);
		break;
	case EXPR_LIST:
		FAIL(compiler, node, "a list stands only right of `in`");
		break;
	}
	compiler->depth--;
	return compiler->failed ? VALUE_NULL : type;
}

int expr_compile(struct arena *arena, const struct expr_node *node, const struct expr_env *env,
	enum value_type wanted, struct expr_program **ret, struct expr_error *ret_error)
{
	struct expr_program *program = arena_alloc(arena, sizeof(*program));
	struct compiler compiler = {
		.arena = arena, .env = env, .program = program, .error = ret_error
	};

	*ret_error =
		(struct expr_error){ node->offset, node->length, "the expression is too large" };
	if (program == NULL)
		return 1;
	enum value_type type = compile(&compiler, node);
	if (!compiler.failed && type == VALUE_INT && wanted == VALUE_DECIMAL) {
		emit(&compiler, INS_TO_DECIMAL, VALUE_DECIMAL, 0, 0);
		type = VALUE_DECIMAL;
	}
	if (!compiler.failed && wanted != VALUE_ANY && type != wanted && type != VALUE_NULL)
		FAIL(&compiler, node, "a %s is wanted here, this is a %s", value_type_name(wanted),
			value_type_name(type));
	if (compiler.failed)
		return 1;
	program->type = type == VALUE_NULL && wanted != VALUE_ANY ? wanted : type;
	*ret = program;
	return 0;
}

enum value_type expr_type(const struct expr_program *program)
{
	return program->type;
}

const uint32_t *expr_loads(const struct expr_program *program, uint32_t *ret_count)
{
	*ret_count = program->load_count;
	return program->loads;
}
