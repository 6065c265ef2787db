from hscd.system.messages import show_warnings, warn


def test_a_warning_is_one_line_on_standard_error(capsys):
    show_warnings()
    show_warnings()  # a second run in one process does not say it twice
    warn("town.tif: 5 % of it is odd")
    assert capsys.readouterr() == ("", "warning: town.tif: 5 % of it is odd\n")
