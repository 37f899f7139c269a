"""behave's hooks: each a line into the suite."""

from support.run import hooks


def before_scenario(context, scenario):
    hooks.before_scenario(context, scenario)


def before_step(context, step):
    hooks.before_step(context, step)


def after_scenario(context, scenario):
    hooks.after_scenario(context, scenario)
