# ruff: noqa
T = """
core.errors: core.errors
core.events: core.events
core.files: core.folders core.lock core.files core.private_folder
core.workspace: core.workspace
core.terminal: core.terminal core.exits
core.device: core.device
core.probe: core.memory core.probe
core.vulkan: core.vulkan
sources.ids: blog.ids
sources.locate: blog.locate
sources.find: blog.site blog.sample
sources.publii: blog.publii
sources.publii_snapshot: blog.snapshot
sources.publii_backup: blog.backup
corpus.pieces: blog.unicode_text blog.pieces
corpus.prose: blog.prose
corpus.html: blog.html_text
corpus.html_guard: blog.html_guard
corpus.html_plain: blog.html_plain
corpus.html_elements: blog.html_skip blog.html_roles blog.html_tables
corpus.html_math: blog.html_math
corpus.blocks: blog.block_text
corpus.markdown: blog.markdown_source blog.markdown_text
corpus.leftovers: blog.shortcodes blog.leftovers
corpus.clean: blog.clean
corpus.read: blog.post blog.store blog.read blog.digest
corpus.budget: blog.budget
corpus.private: blog.private
corpus.private_keys: blog.private_keys
corpus.private_accounts: blog.private_accounts
corpus.phone_words: blog.private_phone_words blog.private_number_rows
corpus.private_phones: blog.private_phones
corpus.repeats: blog.shingles blog.repeats
corpus.stats: blog.languages blog.verdict blog.stats
corpus.stats_table: blog.stats_table
corpus.split: text.split
corpus.prepare: text.prepare
corpus.tokenizer: text.plain text.tokenizer
corpus.tokenizer_parts: text.tokenizer_parts
corpus.words: judge.words
books.blocks: text.books.scripts text.books.blocks
books.parts: text.books.parts
books.marks: text.books.marks
books.credits: text.books.transcriber text.books.makers
books.licence: text.books.licence
books.markup: text.books.markup text.books.epub
books.charset: text.books.charset
books.sources: text.books.sources
books.clean: text.books.clean text.books.filters
books.catalogue: text.books.options text.books.catalogue
books.download: text.books.download
books.mirror: text.books.mirror
books.packing: text.books.store text.books.packing
books.shelf: text.books.empty text.books.shelf
books.pipeline: text.books.pipeline
books.steps: text.books.steps
model.gpt: model.gpt
model.kernels: model.kernels
model.weights: model.weights model.sums
model.quantise: model.quantise
model.hf_config: model.hf_config
model.hf_weights: model.hf_weights
model.gguf: use.gguf
model.folder: model.generation_config model.folder
model.base: model.base
model.score: model.score use.score
write.sampling: model.sampling
write.decoding: model.decoding
write.word_balance: model.rules model.token_bias
write.draft: model.text_stream model.draft
write.generate: model.generate
write.examples: model.examples
write.copying: judge.copying
write.guard: judge.guard
write.write: use.write
train.settings: model.settings model.recipe
train.batches: text.batches text.shards model.feeder
train.loss: model.loss model.objective
train.optim: model.optim
train.loop: model.loop
train.checkpoint: model.best model.checkpoint
train.graphs: model.recorded model.threads model.clock
train.parallel: model.parallel
train.measure: model.footprint model.measure
train.plan: model.plan use.estimates
train.interpolate: model.strength
train.adapt: model.lora model.adapt
train.pretrain: model.teacher model.pretrain
train.package: model.package
train.blog: use.train
train.ahead: use.ahead
train.bench: use.bench
judge.style: judge.style judge.delta
judge.classifier: judge.classifier
judge.voice: judge.voice
judge.recital: judge.extraction judge.private_data judge.recital
judge.fit: judge.ngram judge.baselines judge.fit
judge.passages: judge.passages
judge.fluency: judge.fluency
judge.subject: judge.parts judge.training judge.subject
judge.judgement: judge.judgement judge.sampling_error
judge.figures: judge.statistics judge.figures
judge.verdict: judge.target judge.verdict
judge.judging: judge.results judge.judging
judge.charts: judge.charts
judge.page: judge.page
judge.page_sections: judge.page_sections
tune.study: judge.tuning.study
tune.proposers: judge.tuning.records judge.tuning.proposers
tune.tunables: judge.tuning.tunables
tune.trial: judge.tuning.trial judge.tuning.keeping
tune.ground: judge.tuning.ground
tune.loop: judge.tuning.loop
tune.standing: judge.tuning.objective judge.tuning.standing judge.tuning.failure
tune.report: judge.tuning.drawings judge.tuning.page judge.tuning.summary
tune.ledger: judge.tuning.ledger judge.tuning.table
tune.tune: use.tune
export.export: use.export
cli.app: cli.app
cli.arguments: cli.arguments
cli.blog: cli.blog
cli.demo: use.demo
cli.model: cli.model
cli.workshop: cli.workshop
cli.doctor: use.doctor
"""
TARGETS = {a.strip(): b.split() for a, b in (l.split(":") for l in T.strip().splitlines())}
DOCS, RENAMES, TESTS = (
    {},
    {
        ("text.books.makers", "_HEAD"): "_FIRST_BLOCKS",
        ("text.books.sources", "_HEAD"): "_FIRST_BYTES",
        ("judge.tuning.table", "make_row"): "table_row",
    },
    {},
)

TEST_FOLDERS = {
    "blog": "corpus",
    "judge": "judge",
    "judge/tuning": "tune",
    "model": "train",
    "text": "corpus",
    "text/books": "books",
    "use": "train",
}
TEST_MAP = {}
for folder, names in {
    "sources": "publii_site.py real_sites.py test_backup.py test_bad_input.py test_hostile.py test_ids.py test_locate.py test_publii.py test_sample.py test_site.py",
    "model": "test_base.py test_doctored_folders.py test_folder.py test_folder_refused.py test_hf_config.py test_kernels.py test_packed_refused.py test_quantise.py test_score.py test_use_score.py",
    "write": "test_decoding.py test_draft.py test_examples.py test_generate.py test_sampling.py test_text_stream.py test_token_bias.py test_write.py test_copying.py test_guard.py test_canaries.py",
    "corpus": "test_words.py",
    "train": "test_batches.py",
    "tune": "test_tune.py",
    "export": "test_export.py",
}.items():
    for n in names.split():
        TEST_MAP[n] = folder
