"""The components of the panel of people."""

from types import SimpleNamespace

import gradio as gr

from emorec.ui.page.people_handlers import Shown


def people() -> SimpleNamespace:
    """The panel of people: the persons of the recording, and the buttons to name, join and divide them."""
    with gr.Accordion("People", open=False, visible=False, elem_id="people") as panel:
        cards = gr.HTML(apply_default_css=False, elem_id="cards")
        with gr.Row():
            who = gr.Dropdown([], label="Who", info="Whom to change", min_width=200, elem_id="who")
            name = gr.Textbox(
                label="Name", info="Press Enter; empty takes the name away", max_lines=1, min_width=200, elem_id="name"
            )
        with gr.Row():
            with gr.Column(min_width=240):
                other = gr.Dropdown([], label="The same as", info="If one person was taken for two", elem_id="other")
                join = gr.Button("Join", size="sm", elem_id="join")
            with gr.Column(min_width=240):
                stretches = gr.Dropdown(
                    [],
                    label="Somebody else at",
                    info="If two people were taken for one",
                    multiselect=True,
                    elem_id="stretches",
                )
                divide = gr.Button("Divide", size="sm", elem_id="divide")
        with gr.Row(elem_id="names-file"):
            reset = gr.Button("Undo all", size="sm", min_width=90, elem_id="reset")
            save = gr.Button("Save names file", size="sm", min_width=90, elem_id="save-people")
            # Any file can be chosen: Gradio's own sentence about a wrong one does not say what to do, ours does.
            load = gr.UploadButton("Load names file", size="sm", min_width=90, elem_id="load-people")
    shows = gr.State(Shown())
    return SimpleNamespace(
        panel=panel,
        cards=cards,
        who=who,
        name=name,
        other=other,
        join=join,
        stretches=stretches,
        divide=divide,
        reset=reset,
        save=save,
        load=load,
        shows=shows,
    )
